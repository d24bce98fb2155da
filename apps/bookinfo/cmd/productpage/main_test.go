package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

const (
	someDetails = `{"id": 7, "ISBN-10": "1234567890", "publisher": "PublisherA", "pages": 200, ` +
		`"type": "paperback", "language": "English"}`
	someReviews = `{"id": "7", "podname": "reviews-0", "clustername": "cluster1", "reviews": [` +
		`{"reviewer": "Reviewer1", "text": "Fun <b>", "rating": {"stars": 4, "color": "red"}},` +
		`{"reviewer": "Reviewer2", "text": "Flat", "rating": {"error": "Ratings service is currently unavailable"}}]}`
	someRatings = `{"id": 7, "ratings": {"Reviewer1": 5}}`
)

// backend plays details, reviews and ratings at once.
type backend struct {
	*httptest.Server
	mu       sync.Mutex
	status   map[string]int // by service; 200 if none
	requests map[string]int // by path
	last     http.Header
	opened   atomic.Int64
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.Split(r.URL.Path, "/")[1]
	b.mu.Lock()
	b.requests[r.URL.Path]++
	b.last = r.Header
	status := b.status[name]
	b.mu.Unlock()
	if status != 0 {
		w.WriteHeader(status)
	}
	_, _ = io.WriteString(w, map[string]string{
		"details": someDetails, "reviews": someReviews, "ratings": someRatings,
	}[name])
}

// start gives a productpage and what it calls.
func start(t testing.TB) (http.Handler, *backend) {
	t.Helper()
	b := &backend{status: map[string]int{}, requests: map[string]int{}}
	b.Server = httptest.NewUnstartedServer(b)
	b.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			b.opened.Add(1)
		}
	}
	b.Start()
	t.Cleanup(b.Close)
	address, err := url.Parse(b.URL)
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(address.Host)
	for _, name := range []string{"DETAILS", "REVIEWS", "RATINGS"} {
		t.Setenv(name+"_HOSTNAME", host)
		t.Setenv(name+"_SERVICE_PORT", port)
	}
	handler, err := handler()
	if err != nil {
		t.Fatal(err)
	}
	return handler, b
}

func get(handler http.Handler, path string, header http.Header) *httptest.ResponseRecorder {
	request := httptest.NewRequest("GET", path, nil)
	for name := range header {
		request.Header[name] = header[name]
	}
	got := httptest.NewRecorder()
	handler.ServeHTTP(got, request)
	return got
}

func TestAPI(t *testing.T) {
	sorry := func(name string) string {
		return `{"error":"Sorry, product ` + name + ` are currently unavailable for this book."}`
	}
	for _, test := range []struct {
		name, path string
		failing    map[string]int
		status     int
		body       string
		calls      map[string]int
	}{
		{"details", "/api/v1/products/7", nil, 200, someDetails, map[string]int{"/details/7": 1}},
		{"large id", "/api/v1/products/99999999999999999999", nil, 200, someDetails,
			map[string]int{"/details/99999999999999999999": 1}},
		{"reviews", "/api/v1/products/7/reviews", nil, 200, someReviews, map[string]int{"/reviews/7": 1}},
		{"ratings", "/api/v1/products/7/ratings", nil, 200, someRatings, map[string]int{"/ratings/7": 1}},
		{"details' own refusal", "/api/v1/products/x", map[string]int{"details": 400}, 400, sorry("details"),
			map[string]int{"/details/x": 1}},
		{"details fail", "/api/v1/products/7", map[string]int{"details": 503}, 503, sorry("details"),
			map[string]int{"/details/7": 1}},
		{"reviews fail twice", "/api/v1/products/7/reviews", map[string]int{"reviews": 503}, 503, sorry("reviews"),
			map[string]int{"/reviews/7": 2}},
		{"ratings fail", "/api/v1/products/7/ratings", map[string]int{"ratings": 404}, 404, sorry("ratings"),
			map[string]int{"/ratings/7": 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			handler, backend := start(t)
			backend.status = test.failing
			got := get(handler, test.path, nil)
			if got.Code != test.status || got.Body.String() != test.body {
				t.Errorf("got %d %s", got.Code, got.Body)
			}
			if kind := got.Header().Get("Content-Type"); kind != "application/json" {
				t.Errorf("content type %s", kind)
			}
			if fmt.Sprint(backend.requests) != fmt.Sprint(test.calls) {
				t.Errorf("calls %v", backend.requests)
			}
		})
	}
}

func TestNothingAnswers(t *testing.T) {
	handler, backend := start(t)
	backend.Close()
	got := get(handler, "/api/v1/products/7", nil)
	if got.Code != 500 || !strings.Contains(got.Body.String(), "Sorry, product details are currently unavailable") {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
}

func TestProducts(t *testing.T) {
	handler, _ := start(t)
	want := `[{"id":0,"title":"The Comedy of Errors","descriptionHtml":` +
		`"<a href=\"https://en.wikipedia.org/wiki/The_Comedy_of_Errors\">Wikipedia Summary</a>: The Comedy of ` +
		`Errors is one of <b>William Shakespeare's</b> early plays. It is his shortest and one of his most ` +
		`farcical comedies, with a major part of the humour coming from slapstick and mistaken identity, in ` +
		`addition to puns and word play."}]`
	if got := get(handler, "/api/v1/products", nil); got.Code != 200 || got.Body.String() != want {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
}

func TestPages(t *testing.T) {
	const sorryDetails = "Sorry, product details are currently unavailable for this book."
	const sorryReviews = "Sorry, product reviews are currently unavailable for this book."
	for _, test := range []struct {
		name, path string
		failing    map[string]int
		cookie     string
		want, not  []string
	}{
		{"all well", "/productpage?u=normal", nil, "",
			[]string{"The Comedy of Errors", "William Shakespeare's", "Book Details", "1234567890", "PublisherA",
				"Book Reviews", "Fun &lt;b&gt;", `class="stars red"`, `aria-label="4 of 5 stars"`,
				"Ratings service is currently unavailable", "Reviews served by: <code>reviews-0</code> on cluster",
				"Sign in"},
			[]string{"Error fetching", "Sign out"}},
		{"no details", "/productpage", map[string]int{"details": 503}, "",
			[]string{"Error fetching product details", sorryDetails, "Book Reviews"},
			[]string{"Book Details", sorryReviews}},
		{"no reviews", "/productpage", map[string]int{"reviews": 500}, "",
			[]string{"Error fetching product reviews", sorryReviews, "Book Details"},
			[]string{"Book Reviews", sorryDetails}},
		{"signed in", "/productpage", nil, "user=jason", []string{"<b>jason</b>", "Sign out"}, []string{"Sign in"}},
		{"index", "/", nil, "", []string{"simple bookstore application", "/details</code>", "/productpage?u=test"}, nil},
		{"index by name", "/index.html", nil, "", []string{"simple bookstore application"}, nil},
		{"health", "/health", nil, "", []string{"Product page is healthy"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			handler, backend := start(t)
			backend.status = test.failing
			got := get(handler, test.path, http.Header{"Cookie": {test.cookie}})
			if kind := got.Header().Get("Content-Type"); got.Code != 200 || kind != "text/html; charset=utf-8" {
				t.Errorf("got %d %s", got.Code, kind)
			}
			body := got.Body.String()
			for _, want := range test.want {
				if !strings.Contains(body, want) {
					t.Errorf("no %q in %s", want, body)
				}
			}
			for _, not := range test.not {
				if strings.Contains(body, not) {
					t.Errorf("%q in %s", not, body)
				}
			}
		})
	}
}

func TestForwardsHeaders(t *testing.T) {
	handler, backend := start(t)
	sent := http.Header{
		"X-Request-Id": {"34eeb41d"}, "Traceparent": {"00-1-2-01"}, "Tracestate": {"x=y"}, "X-B3-Traceid": {"80f1"},
		"X-B3-Spanid": {"e457"}, "X-B3-Sampled": {"1"}, "Sw8": {"s"}, "Authorization": {"Bearer t"},
		"User-Agent": {"test"}, "Cookie": {"user=jason; a=b"},
	}
	get(handler, "/api/v1/products/7", sent)
	for name := range sent {
		if got := backend.last.Get(name); got != sent.Get(name) {
			t.Errorf("%s: got %q", name, got)
		}
	}
	if got := backend.last.Get("End-User"); got != "jason" {
		t.Errorf("end-user: got %q", got)
	}
	get(handler, "/api/v1/products/7", http.Header{"End-User": {"jason"}, "X-Other": {"x"}})
	for _, name := range []string{"End-User", "X-Other"} {
		if got := backend.last.Get(name); got != "" {
			t.Errorf("%s: got %q, though nobody signed in", name, got)
		}
	}
}

func TestSignIn(t *testing.T) {
	handler, _ := start(t)
	for name, want := range map[string]int{
		"jason": 302, "": 400, "a b": 400, "a\r\nb": 400, strings.Repeat("x", 65): 400,
	} {
		request := httptest.NewRequest("POST", "/login", strings.NewReader(url.Values{"username": {name}}.Encode()))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		got := httptest.NewRecorder()
		handler.ServeHTTP(got, request)
		cookie := got.Header().Get("Set-Cookie")
		if got.Code != want || strings.HasPrefix(cookie, "user="+name) != (want == 302) {
			t.Errorf("%q: got %d %s", name, got.Code, cookie)
		}
	}
	got := get(handler, "/logout", http.Header{"Cookie": {"user=jason"}})
	if got.Code != 302 || !strings.HasPrefix(got.Header().Get("Set-Cookie"), "user=; Path=/; Max-Age=0") {
		t.Errorf("sign out: got %d %v", got.Code, got.Header())
	}
}

// Every call for a product is one request to details with that id, over as many connections as there
// are calls at once.
func TestEveryCallArrivesOnce(t *testing.T) {
	handler, backend := start(t)
	front := httptest.NewServer(handler)
	defer front.Close()
	client := front.Client()
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = 64

	const callers, calls = 64, 50
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			for call := range calls {
				response, err := client.Get(fmt.Sprintf("%s/api/v1/products/%d", front.URL, caller*calls+call))
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
				if response.StatusCode != 200 {
					t.Errorf("got %d", response.StatusCode)
				}
			}
		})
	}
	group.Wait()
	for id := range callers * calls {
		if got := backend.requests[fmt.Sprintf("/details/%d", id)]; got != 1 {
			t.Errorf("%d arrived %d times", id, got)
		}
	}
	// A connection is put back a moment after its answer is read, so a few more than callers are fair.
	if opened := backend.opened.Load(); opened > 2*callers {
		t.Errorf("%d connections opened for %d callers", opened, callers)
	}
}
