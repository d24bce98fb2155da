// Details answers what is known of a book.
package main

import (
	"flag"
	"fmt"
	"math/big"
	"net/http"
	"sync/atomic"

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

func handler(errorRate uint) (http.Handler, error) {
	if errorRate > 100 {
		return nil, fmt.Errorf("--error-rate is a percentage, got %d", errorRate)
	}
	mux := http.NewServeMux()
	mux.Handle("/health", service.Healthy("Details"))
	mux.Handle("/details/", failing(uint64(errorRate), answer))
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
			service.JSON(w, http.StatusServiceUnavailable, service.Failure{Error: "failed as told by --error-rate"})
			return
		}
		next(w, r)
	}
}

func main() {
	errorRate := flag.Uint("error-rate", 0, "answer this `percentage` of requests for details with 503 (default 0, none)")
	service.Main("details", "", func() (http.Handler, error) { return handler(*errorRate) })
}
