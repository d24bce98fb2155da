// Reviews answers what reviewers wrote of a book, with their stars where its version has them.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"bookinfo/internal/service"
)

const environment = `                   v1 shows no stars, v2 black and v3 red ones
  HOSTNAME, CLUSTER_NAME
                   named in the answer as podname and clustername
  RATINGS_HOSTNAME, SERVICES_DOMAIN, RATINGS_SERVICE_PORT
                   where ratings is (default http://ratings:9080)
`

type reviews struct {
	ID          string   `json:"id"`
	PodName     string   `json:"podname"`
	ClusterName string   `json:"clustername"`
	Reviews     []review `json:"reviews"`
}

type review struct {
	Reviewer string  `json:"reviewer"`
	Text     string  `json:"text"`
	Rating   *rating `json:"rating,omitempty"`
}

type rating struct {
	Stars *int   `json:"stars,omitempty"`
	Color string `json:"color,omitempty"`
	Error string `json:"error,omitempty"`
}

// stars is how a version shows ratings. Their timeouts differ as in the original, where they are one of
// the things that its users find out by injecting delays.
type stars struct {
	color   string
	timeout time.Duration
}

var versions = map[string]*stars{
	"v1": nil,
	"v2": {"black", 10 * time.Second},
	"v3": {"red", 2500 * time.Millisecond},
}

func handler() (http.Handler, error) {
	shown, ok := versions[service.Version()]
	if !ok {
		return nil, fmt.Errorf("SERVICE_VERSION is v1, v2 or v3, got %q", service.Version())
	}
	rate := func(*http.Request, string) (first, second *rating) { return nil, nil }
	if shown != nil {
		rate = rater(service.NewUpstream("ratings", shown.timeout), shown.color)
	}
	podName, clusterName := service.Env("HOSTNAME", "null"), service.Env("CLUSTER_NAME", "null")
	mux := http.NewServeMux()
	mux.Handle("GET /health", service.Healthy("Reviews"))
	mux.HandleFunc("GET /reviews/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, ok := service.ID(r)
		if !ok {
			http.NotFound(w, r)
			return
		}
		first, second := rate(r, id.String())
		service.JSON(w, http.StatusOK, reviews{
			ID:          id.String(),
			PodName:     podName,
			ClusterName: clusterName,
			Reviews: []review{
				{"Reviewer1", "An extremely entertaining play by Shakespeare. " +
					"The slapstick humour is refreshing!", first},
				{"Reviewer2", "Absolutely fun and entertaining. " +
					"The play lacks thematic depth when compared to other plays by Shakespeare.", second},
			},
		})
	})
	return mux, nil
}

func rater(ratings *service.Upstream, color string) func(*http.Request, string) (first, second *rating) {
	return func(r *http.Request, id string) (first, second *rating) {
		header := service.Forwarded(r)
		if user, ok := r.Header["End-User"]; ok {
			header["End-User"] = user
		}
		var answer struct {
			Ratings struct{ Reviewer1, Reviewer2 *int }
		}
		if status, body := ratings.Get(r.Context(), id, header); status == http.StatusOK {
			// What does not fit stays nil, and counts as unavailable.
			_ = json.Unmarshal(body, &answer)
		}
		show := func(given *int) *rating {
			if given == nil {
				return &rating{Error: "Ratings service is currently unavailable"}
			}
			return &rating{Stars: given, Color: color}
		}
		return show(answer.Ratings.Reviewer1), show(answer.Ratings.Reviewer2)
	}
}

func main() { service.Main("reviews", environment, handler) }
