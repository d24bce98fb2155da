// Productpage is Bookinfo's front: a page for people and an API, both made of what the other services answer.
package main

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"time"

	"bookinfo/internal/service"
)

const environment = `  DETAILS_HOSTNAME, REVIEWS_HOSTNAME, RATINGS_HOSTNAME
                   the other services' hosts (default details, reviews, ratings)
  SERVICES_DOMAIN  domain to put behind each of these hosts (default none)
  DETAILS_SERVICE_PORT, REVIEWS_SERVICE_PORT, RATINGS_SERVICE_PORT
                   the other services' ports (default 9080)
`

const timeout = 3 * time.Second

// userName is what a user may be called: the name travels in a cookie and in a header.
var userName = regexp.MustCompile(`^[\w.@+-]{1,64}$`)

// source is a service that pages are made of.
type source struct {
	*service.Upstream
	name     string
	attempts int
}

// get gives the product's part that this source knows. With any other status than 200 there is no body.
func (s source) get(r *http.Request, id string) (status int, body []byte) {
	header := service.Forwarded(r)
	if user := user(r); user != "" {
		header.Set("End-User", user)
	}
	for range s.attempts {
		if status, body = s.Get(r.Context(), id, header); status == http.StatusOK {
			return status, body
		}
	}
	return status, nil
}

func (s source) unavailable() string {
	return fmt.Sprintf("Sorry, product %s are currently unavailable for this book.", s.name)
}

func (s source) api(w http.ResponseWriter, r *http.Request) {
	status, body := s.get(r, r.PathValue("id"))
	if status != http.StatusOK {
		service.JSON(w, status, service.Failure{Error: s.unavailable()})
		return
	}
	service.RawJSON(w, status, body)
}

func user(r *http.Request) string {
	if cookie, err := r.Cookie("user"); err == nil && userName.MatchString(cookie.Value) {
		return cookie.Value
	}
	return ""
}

func login(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("username")
	if !userName.MatchString(name) {
		http.Error(w, "A user name is up to 64 letters, digits and . @ + - _", http.StatusBadRequest)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: "user", Value: name, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	http.Redirect(w, r, "/productpage", http.StatusFound)
}

func logout(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: "user", Path: "/", MaxAge: -1})
	http.Redirect(w, r, "/productpage", http.StatusFound)
}

func handler() (http.Handler, error) {
	details := source{service.NewUpstream("details", timeout), "details", 1}
	ratings := source{service.NewUpstream("ratings", timeout), "ratings", 1}
	// The original asks for reviews twice; Istio's fault injection task is about what comes of it.
	reviews := source{service.NewUpstream("reviews", timeout), "reviews", 2}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", index(details, reviews, ratings))
	mux.HandleFunc("GET /index.html", index(details, reviews, ratings))
	mux.HandleFunc("GET /productpage", productPage(details, reviews))
	mux.HandleFunc("POST /login", login)
	mux.HandleFunc("GET /logout", logout)
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "Product page is healthy")
	})
	mux.HandleFunc("GET /api/v1/products", func(w http.ResponseWriter, _ *http.Request) {
		service.JSON(w, http.StatusOK, products)
	})
	mux.HandleFunc("GET /api/v1/products/{id}", details.api)
	mux.HandleFunc("GET /api/v1/products/{id}/reviews", reviews.api)
	mux.HandleFunc("GET /api/v1/products/{id}/ratings", ratings.api)
	return mux, nil
}

func main() { service.Main("productpage", environment, handler) }
