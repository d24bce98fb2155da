package service

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// forwarded are the headers that make a request part of its caller's trace, session and identity.
// B3 is Zipkin's, the others in order: request id, Lightstep, Datadog, W3C, Google, Envoy's gRPC,
// SkyWalking, then the application's own.
var forwarded = []string{
	"X-Request-Id",
	"X-B3-Traceid", "X-B3-Spanid", "X-B3-Parentspanid", "X-B3-Sampled", "X-B3-Flags",
	"X-Ot-Span-Context",
	"X-Datadog-Trace-Id", "X-Datadog-Parent-Id", "X-Datadog-Sampling-Priority",
	"Traceparent", "Tracestate",
	"X-Cloud-Trace-Context",
	"Grpc-Trace-Bin",
	"Sw8",
	"User-Agent", "Cookie", "Authorization", "Jwt",
}

// Forwarded gives the headers of r that calls made on its behalf carry on. End-User is for the caller
// to add: productpage takes it from the session, reviews from the request.
func Forwarded(r *http.Request) http.Header {
	header := http.Header{}
	for _, name := range forwarded {
		if values, ok := r.Header[name]; ok {
			header[name] = values
		}
	}
	return header
}

// transport never takes a proxy from the environment (calls stay in the mesh), never makes a call wait
// for a free connection, and keeps as many as a burst opened. They are given up long before the other
// side would close them: Envoy does after an hour. Should it close one just as a request is sent, before it
// answers, the transport sends the request again.
var transport = &http.Transport{
	DialContext:         (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
	MaxIdleConnsPerHost: 1024,
	IdleConnTimeout:     90 * time.Second,
	DisableCompression:  true,
}

// maxBody is far more than any service answers.
const maxBody = 1 << 20

// Upstream is a service that this one calls.
type Upstream struct {
	// URL is where its resources are, without a slash at the end.
	URL    string
	client *http.Client
}

// NewUpstream finds the named service by <NAME>_HOSTNAME, SERVICES_DOMAIN and <NAME>_SERVICE_PORT. A
// call may take as long as timeout.
func NewUpstream(name string, timeout time.Duration) *Upstream {
	variable := strings.ToUpper(name)
	host := Env(variable+"_HOSTNAME", name)
	if domain := Env("SERVICES_DOMAIN", ""); domain != "" {
		host += "." + domain
	}
	return &Upstream{
		URL: fmt.Sprintf("http://%s/%s", net.JoinHostPort(host, Env(variable+"_SERVICE_PORT", defaultPort)), name),
		client: &http.Client{
			Transport: transport,
			Timeout:   timeout,
			// A redirect is not followed: one call is one request.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Get asks for the product with the id. It gives the status and body of the answer, and 500 if none
// came in time or a successful one is not JSON.
func (u *Upstream) Get(ctx context.Context, id string, header http.Header) (int, []byte) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.URL+"/"+url.PathEscape(id), nil)
	if err != nil {
		return http.StatusInternalServerError, nil
	}
	request.Header = header
	response, err := u.client.Do(request)
	if err != nil {
		return http.StatusInternalServerError, nil
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if response.StatusCode == http.StatusOK && (err != nil || !json.Valid(body)) {
		return http.StatusInternalServerError, nil
	}
	return response.StatusCode, body
}
