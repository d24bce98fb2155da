package main

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAnswers(t *testing.T) {
	handler, err := handler()
	if err != nil {
		t.Fatal(err)
	}
	const notNumeric = `{"error":"please provide numeric product ID"}`
	const notJSON = `{"error":"please provide valid ratings JSON"}`
	// In this order: what is posted is there from then on.
	for _, test := range []struct {
		method, path, posted string
		status               int
		body                 string
	}{
		{"GET", "/health", "", 200, `{"status":"Ratings is healthy"}`},
		{"GET", "/ratings/0", "", 200, `{"id":0,"ratings":{"Reviewer1":5,"Reviewer2":4}}`},
		{"GET", "/ratings/zero", "", 400, notNumeric},
		{"POST", "/ratings/zero", "{}", 400, notNumeric},
		{"POST", "/ratings/0", "", 400, notJSON},
		{"POST", "/ratings/0", "{", 400, notJSON},
		{"POST", "/ratings/0", `"` + strings.Repeat("x", maxBody) + `"`, 400, notJSON},
		{"POST", "/ratings/0", `{"Reviewer1": 1}`, 200, `{"id":0,"ratings":{"Reviewer1":1}}`},
		{"GET", "/ratings/0", "", 200, `{"id":0,"ratings":{"Reviewer1":1}}`},
		{"GET", "/ratings/1", "", 200, `{"id":1,"ratings":{"Reviewer1":5,"Reviewer2":4}}`},
	} {
		got := httptest.NewRecorder()
		handler.ServeHTTP(got, httptest.NewRequest(test.method, test.path, strings.NewReader(test.posted)))
		if got.Code != test.status || got.Body.String() != test.body {
			t.Errorf("%s %s %.20s: got %d %s", test.method, test.path, test.posted, got.Code, got.Body)
		}
	}
}
