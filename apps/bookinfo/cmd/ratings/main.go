// Ratings keeps the stars that reviewers give to a book, in memory.
package main

import (
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"sync"

	"bookinfo/internal/service"
)

const maxBody = 64 << 10

type rating struct {
	ID      *big.Int        `json:"id"`
	Ratings json.RawMessage `json:"ratings"`
}

type store struct {
	posted sync.Map // the id's text -> json.RawMessage
}

func (s *store) rating(id *big.Int) rating {
	if ratings, ok := s.posted.Load(id.String()); ok {
		return rating{id, ratings.(json.RawMessage)}
	}
	return rating{id, json.RawMessage(`{"Reviewer1":5,"Reviewer2":4}`)}
}

func (s *store) get(w http.ResponseWriter, r *http.Request) {
	if id, ok := numericID(w, r); ok {
		service.JSON(w, http.StatusOK, s.rating(id))
	}
}

func (s *store) post(w http.ResponseWriter, r *http.Request) {
	id, ok := numericID(w, r)
	if !ok {
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil || !json.Valid(body) {
		service.JSON(w, http.StatusBadRequest, service.Failure{Error: "please provide valid ratings JSON"})
		return
	}
	s.posted.Store(id.String(), json.RawMessage(body))
	service.JSON(w, http.StatusOK, s.rating(id))
}

func numericID(w http.ResponseWriter, r *http.Request) (*big.Int, bool) {
	id, ok := service.ID(r)
	if !ok {
		service.JSON(w, http.StatusBadRequest, service.Failure{Error: "please provide numeric product ID"})
	}
	return id, ok
}

func handler() (http.Handler, error) {
	var s store
	mux := http.NewServeMux()
	mux.Handle("GET /health", service.Healthy("Ratings"))
	mux.HandleFunc("GET /ratings/", s.get)
	mux.HandleFunc("POST /ratings/", s.post)
	return mux, nil
}

func main() { service.Main("ratings", "", handler) }
