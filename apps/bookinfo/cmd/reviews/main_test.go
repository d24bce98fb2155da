package main

import (
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// ratings starts a ratings service with the answer, points the environment to it, and gives the
// headers of the last request to it.
func ratings(t *testing.T, status int, body string) *http.Header {
	t.Helper()
	var last http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last = r.Header
		if r.URL.Path != "/ratings/7" {
			status = http.StatusNotFound
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(address.Host)
	t.Setenv("RATINGS_HOSTNAME", host)
	t.Setenv("RATINGS_SERVICE_PORT", port)
	return &last
}

func get(t *testing.T, path string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	handler, err := handler()
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest("GET", path, nil)
	maps.Copy(request.Header, header)
	got := httptest.NewRecorder()
	handler.ServeHTTP(got, request)
	return got
}

func TestReviews(t *testing.T) {
	const good = `{"id":7,"ratings":{"Reviewer1":5,"Reviewer2":4}}`
	const unavailable = `,"rating":{"error":"Ratings service is currently unavailable"}`
	for _, test := range []struct {
		name, version string
		status        int
		ratings       string
		first, second string
	}{
		{"no stars", "v1", 200, good, "", ""},
		{"version not set", "", 200, good, "", ""},
		{"black stars", "v2", 200, good,
			`,"rating":{"stars":5,"color":"black"}`, `,"rating":{"stars":4,"color":"black"}`},
		{"red stars", "v3", 200, good,
			`,"rating":{"stars":5,"color":"red"}`, `,"rating":{"stars":4,"color":"red"}`},
		{"zero is a rating", "v2", 200, `{"ratings":{"Reviewer1":0,"Reviewer2":0}}`,
			`,"rating":{"stars":0,"color":"black"}`, `,"rating":{"stars":0,"color":"black"}`},
		{"one reviewer missing", "v2", 200, `{"ratings":{"Reviewer2":4}}`,
			unavailable, `,"rating":{"stars":4,"color":"black"}`},
		{"ratings fail", "v2", 503, good, unavailable, unavailable},
		{"ratings do not fit", "v2", 200, `[]`, unavailable, unavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("SERVICE_VERSION", test.version)
			t.Setenv("HOSTNAME", "reviews-0")
			t.Setenv("CLUSTER_NAME", "cluster1")
			ratings(t, test.status, test.ratings)
			got := get(t, "/reviews/7", nil)
			want := `{"id":"7","podname":"reviews-0","clustername":"cluster1","reviews":[` +
				`{"reviewer":"Reviewer1","text":"An extremely entertaining play by Shakespeare. ` +
				`The slapstick humour is refreshing!"` + test.first + `},` +
				`{"reviewer":"Reviewer2","text":"Absolutely fun and entertaining. The play lacks thematic ` +
				`depth when compared to other plays by Shakespeare."` + test.second + `}]}`
			if got.Code != 200 || got.Body.String() != want {
				t.Errorf("got %d %s", got.Code, got.Body)
			}
		})
	}
}

func TestWhoAnswersIsNullWhenNotSet(t *testing.T) {
	t.Setenv("HOSTNAME", "")
	t.Setenv("CLUSTER_NAME", "")
	if got := get(t, "/reviews/0", nil).Body.String(); !strings.Contains(got, `"podname":"null","clustername":"null"`) {
		t.Error(got)
	}
}

func TestOtherPaths(t *testing.T) {
	if got := get(t, "/health", nil); got.Code != 200 || got.Body.String() != `{"status":"Reviews is healthy"}` {
		t.Errorf("health: got %d %s", got.Code, got.Body)
	}
	if got := get(t, "/reviews/seven", nil); got.Code != 404 {
		t.Errorf("not an id: got %d", got.Code)
	}
}

func TestForwardsHeaders(t *testing.T) {
	t.Setenv("SERVICE_VERSION", "v3")
	last := ratings(t, 200, `{}`)
	sent := http.Header{
		"End-User": {"jason"}, "X-Request-Id": {"id"}, "Traceparent": {"00-1-2-01"}, "X-B3-Traceid": {"80f1"},
		"Cookie": {"a=b"}, "User-Agent": {"test"}, "Sw8": {"s"},
	}
	get(t, "/reviews/7", sent)
	for name := range sent {
		if got := last.Get(name); got != sent.Get(name) {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestUnknownVersion(t *testing.T) {
	t.Setenv("SERVICE_VERSION", "v4")
	if _, err := handler(); err == nil {
		t.Error("accepted")
	}
}
