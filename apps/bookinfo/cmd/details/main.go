// Details answers what is known of a book.
package main

import (
	"flag"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"bookinfo/internal/service"
)

type details struct {
	ID        *big.Int `json:"id"`
	Author    string   `json:"author"`
	Year      int      `json:"year"`
	Type      string   `json:"type"`
	Pages     int      `json:"pages"`
	Publisher string   `json:"publisher"`
	Language  string   `json:"language"`
	ISBN10    string   `json:"ISBN-10"`
	ISBN13    string   `json:"ISBN-13"`
}

// faults are what a bad version does to requests for details; /health stays well, as it often does.
type faults struct {
	errorRate uint
	delay     time.Duration
}

// faultsOf reads the faults from the environment, which is all that a deployment's config can set.
func faultsOf() (faults, error) {
	errorRate, err := strconv.ParseUint(service.Env("ERROR_RATE", "0"), 10, 32)
	if err != nil {
		return faults{}, fmt.Errorf("ERROR_RATE: %w", err)
	}
	delay, err := time.ParseDuration(service.Env("DELAY", "0s"))
	if err != nil {
		return faults{}, fmt.Errorf("DELAY: %w", err)
	}
	return faults{errorRate: uint(errorRate), delay: delay}, nil
}

func handler(bad faults) (http.Handler, error) {
	if bad.errorRate > 100 {
		return nil, fmt.Errorf("the error rate is a percentage, got %d", bad.errorRate)
	}
	mux := http.NewServeMux()
	mux.Handle("/health", service.Healthy("Details"))
	mux.Handle("/details/", delayed(bad.delay, failing(uint64(bad.errorRate), answer)))
	return mux, nil
}

func answer(w http.ResponseWriter, r *http.Request) {
	id, ok := service.ID(r)
	if !ok {
		service.JSON(w, http.StatusBadRequest, service.Failure{Error: "please provide numeric product id"})
		return
	}
	service.JSON(w, http.StatusOK, details{
		ID: id, Author: "William Shakespeare", Year: 1595, Type: "paperback", Pages: 200,
		Publisher: "PublisherA", Language: "English", ISBN10: "1234567890", ISBN13: "123-1234567890",
	})
}

// failing spreads the failures evenly, so that any 100 requests in a row have exactly as many as asked.
func failing(percent uint64, next http.HandlerFunc) http.HandlerFunc {
	var requests atomic.Uint64
	return func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1)*percent%100 < percent {
			service.JSON(w, http.StatusServiceUnavailable, service.Failure{Error: "failed as told by the error rate"})
			return
		}
		next(w, r)
	}
}

func delayed(delay time.Duration, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(delay):
			next(w, r)
		case <-r.Context().Done(): // nobody waits any more
		}
	}
}

const environment = "  ERROR_RATE       as --error-rate\n  DELAY            as --delay\n"

func main() {
	bad, err := faultsOf()
	if err != nil {
		fmt.Fprintln(os.Stderr, "details:", err)
		os.Exit(1)
	}
	flag.UintVar(&bad.errorRate, "error-rate", bad.errorRate, "answer this `percentage` of requests for details with 503")
	flag.DurationVar(&bad.delay, "delay", bad.delay, "answer requests for details this much later")
	service.Main("details", environment, func() (http.Handler, error) { return handler(bad) })
}
