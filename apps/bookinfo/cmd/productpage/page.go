package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
	"strconv"
	"sync"
)

type product struct {
	ID              int           `json:"id"`
	Title           string        `json:"title"`
	DescriptionHTML template.HTML `json:"descriptionHtml"`
}

var products = []product{{
	ID:    0,
	Title: "The Comedy of Errors",
	DescriptionHTML: `<a href="https://en.wikipedia.org/wiki/The_Comedy_of_Errors">Wikipedia Summary</a>: ` +
		`The Comedy of Errors is one of <b>William Shakespeare's</b> early plays. It is his shortest and ` +
		`one of his most farcical comedies, with a major part of the humour coming from slapstick and ` +
		`mistaken identity, in addition to puns and word play.`,
}}

// section is a part of the page: data, or why there is none.
type section[T any] struct {
	Data  *T
	Error string
}

type bookDetails struct {
	ISBN10    string `json:"ISBN-10"`
	Publisher string
	Pages     int
	Type      string
	Language  string
}

type bookReviews struct {
	PodName, ClusterName string
	Reviews              []struct {
		Reviewer, Text string
		Rating         *struct {
			Stars        int
			Color, Error string
		}
	}
}

var (
	//go:embed templates
	files  embed.FS
	pages  = template.New("").Funcs(template.FuncMap{"upTo": upTo})
	front  = parse("index.html")
	detail = parse("productpage.html")
)

func parse(name string) *template.Template {
	return template.Must(template.Must(pages.Clone()).ParseFS(files, "templates/layout.html", "templates/"+name))
}

// upTo tells for each of the five places whether it has a star.
func upTo(stars int) [5]bool {
	var places [5]bool
	for i := range places {
		places[i] = i < stars
	}
	return places
}

func index(upstreams ...source) http.HandlerFunc {
	type row struct{ Name, URL string }
	var rows []row
	for _, upstream := range upstreams {
		rows = append(rows, row{upstream.name, upstream.URL})
	}
	return func(w http.ResponseWriter, r *http.Request) {
		render(w, front, struct {
			User     string
			Services []row
		}{user(r), rows})
	}
}

func productPage(details, reviews source) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		book := products[0]
		page := struct {
			User    string
			Product product
			Details section[bookDetails]
			Reviews section[bookReviews]
		}{User: user(r), Product: book}
		var both sync.WaitGroup
		both.Go(func() { page.Details = ask[bookDetails](r, details, book) })
		both.Go(func() { page.Reviews = ask[bookReviews](r, reviews, book) })
		both.Wait()
		render(w, detail, page)
	}
}

func ask[T any](r *http.Request, from source, book product) section[T] {
	if status, body := from.get(r, strconv.Itoa(book.ID)); status == http.StatusOK {
		data := new(T)
		if json.Unmarshal(body, data) == nil {
			return section[T]{Data: data}
		}
	}
	return section[T]{Error: from.unavailable()}
}

func render(w http.ResponseWriter, page *template.Template, data any) {
	var body bytes.Buffer
	if err := page.ExecuteTemplate(&body, "layout.html", data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = body.WriteTo(w)
}
