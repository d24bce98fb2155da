package service

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// begin serves a handler that runs until release is closed, and gives its address, a channel with what
// serve returns, and one with the status of a request that is running when begin returns.
func begin(
	t *testing.T, ctx context.Context, grace time.Duration, release <-chan struct{},
) (string, <-chan error, <-chan int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	slow := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(started)
		<-release
	})
	ended, status := make(chan error, 1), make(chan int, 1)
	go func() { ended <- serve(ctx, listener, slow, grace) }()
	go func() {
		response, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			status <- 0
			return
		}
		response.Body.Close()
		status <- response.StatusCode
	}()
	<-started
	return listener.Addr().String(), ended, status
}

func TestServeFinishesWhatRuns(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	release := make(chan struct{})
	address, ended, status := begin(t, ctx, time.Minute, release)

	stop()
	for {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		connection.Close()
	}
	select {
	case err := <-ended:
		t.Fatalf("ended with a request running: %v", err)
	default:
	}
	close(release)
	if got := <-status; got != http.StatusOK {
		t.Errorf("running request got %d", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestServeEndsAfterGrace(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	release := make(chan struct{})
	defer close(release)
	_, ended, status := begin(t, ctx, time.Millisecond, release)

	stop()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("got %v", err)
	}
	if got := <-status; got != 0 {
		t.Errorf("cut off request got %d", got)
	}
}

func TestListenAddress(t *testing.T) {
	for _, test := range []struct {
		name, port string
		args       []string
		want       string
	}{
		{"default", "", nil, ":9080"},
		{"environment", "8080", nil, ":8080"},
		{"argument first", "8080", []string{"7070"}, ":7070"},
		{"word", "", []string{"http"}, ""},
		{"too large", "65536", nil, ""},
		{"two arguments", "", []string{"1", "2"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("PORT", test.port)
			got, err := listenAddress(test.args)
			if got != test.want || (err != nil) != (test.want == "") {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestAccessLog(t *testing.T) {
	var out strings.Builder
	log := slog.New(slog.NewTextHandler(&out, nil))
	request := httptest.NewRequest("GET", "/details/7", nil)
	request.Header.Set("X-Request-Id", "abc")
	logged(log, http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), request)
	for _, want := range []string{"method=GET", "path=/details/7", "status=404", "request_id=abc"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in %s", want, out.String())
		}
	}
}

func TestID(t *testing.T) {
	for path, want := range map[string]string{
		"/details/0":   "0",
		"/details/17/": "17",
		"/details/340282366920938463463374607431": "340282366920938463463374607431",
		"/details/":    "",
		"/details/1e3": "",
		"/details/abc": "",
	} {
		id, ok := ID(httptest.NewRequest("GET", path, nil))
		if ok != (want != "") || ok && id.String() != want {
			t.Errorf("%s: got %v, %v", path, id, ok)
		}
	}
}

func TestUpstreamURL(t *testing.T) {
	for _, test := range []struct{ name, host, port, domain, want string }{
		{"default", "", "", "", "http://ratings:9080/ratings"},
		{"domain", "", "", "default.svc.cluster.local", "http://ratings.default.svc.cluster.local:9080/ratings"},
		{"all", "stars", "80", "example.org", "http://stars.example.org:80/ratings"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("RATINGS_HOSTNAME", test.host)
			t.Setenv("RATINGS_SERVICE_PORT", test.port)
			t.Setenv("SERVICES_DOMAIN", test.domain)
			if got := NewUpstream("ratings", time.Second).URL; got != test.want {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestUpstreamGet(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.EscapedPath() {
		case "/good":
			_, _ = io.WriteString(w, `{"id": 0}`)
		case "/not-json":
			_, _ = io.WriteString(w, `<p>`)
		case "/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{}`)
		case "/moved":
			http.Redirect(w, r, "/good", http.StatusFound)
		case "/slow":
			<-r.Context().Done()
		case "/a%2Fb%3F":
			w.WriteHeader(http.StatusTeapot)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	upstream := NewUpstream("details", 200*time.Millisecond)
	upstream.URL = server.URL
	for id, want := range map[string]int{
		"good": 200, "not-json": 500, "cut": 500, "moved": 302, "slow": 500, "a/b?": 418, "missing": 404,
	} {
		if status, _ := upstream.Get(t.Context(), id, http.Header{}); status != want {
			t.Errorf("%s: got %d, want %d", id, status, want)
		}
	}
	server.Close()
	if status, _ := upstream.Get(t.Context(), "good", http.Header{}); status != 500 {
		t.Errorf("closed: got %d", status)
	}
}
