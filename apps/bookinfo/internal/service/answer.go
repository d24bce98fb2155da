package service

import (
	"bytes"
	"encoding/json"
	"math/big"
	"net/http"
	"path"
)

// Failure is the body of an answer that is not a success.
type Failure struct {
	Error string `json:"error"`
}

// JSON answers with the status and v as the body.
func JSON(w http.ResponseWriter, status int, v any) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	RawJSON(w, status, bytes.TrimSuffix(body.Bytes(), []byte("\n")))
}

// RawJSON answers with the status and a body that is JSON already.
func RawJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// Healthy answers health checks of the named service.
func Healthy(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		JSON(w, http.StatusOK, struct {
			Status string `json:"status"`
		}{name + " is healthy"})
	}
}

// ID gives the integer that is the last part of the request's path, of any size, and whether it is one.
func ID(r *http.Request) (*big.Int, bool) {
	return new(big.Int).SetString(path.Base(r.URL.Path), 10)
}
