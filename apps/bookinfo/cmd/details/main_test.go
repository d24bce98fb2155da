package main

import (
	"net/http/httptest"
	"testing"
	"time"
)

func TestAnswers(t *testing.T) {
	handler, err := handler(faults{})
	if err != nil {
		t.Fatal(err)
	}
	const book = `,"author":"William Shakespeare","year":1595,"type":"paperback","pages":200,` +
		`"publisher":"PublisherA","language":"English","ISBN-10":"1234567890","ISBN-13":"123-1234567890"}`
	const notNumeric = `{"error":"please provide numeric product id"}`
	for _, test := range []struct {
		path   string
		status int
		body   string
	}{
		{"/health", 200, `{"status":"Details is healthy"}`},
		{"/details/0", 200, `{"id":0` + book},
		{"/details/18446744073709551616", 200, `{"id":18446744073709551616` + book},
		{"/details/one", 400, notNumeric},
		{"/details/", 400, notNumeric},
	} {
		t.Run(test.path, func(t *testing.T) {
			got := httptest.NewRecorder()
			handler.ServeHTTP(got, httptest.NewRequest("GET", test.path, nil))
			if got.Code != test.status || got.Body.String() != test.body {
				t.Errorf("got %d %s", got.Code, got.Body)
			}
			if kind := got.Header().Get("Content-Type"); kind != "application/json" {
				t.Errorf("content type %s", kind)
			}
		})
	}
}

func TestErrorRate(t *testing.T) {
	for _, percent := range []uint{0, 1, 7, 50, 100} {
		handler, err := handler(faults{errorRate: percent})
		if err != nil {
			t.Fatal(err)
		}
		statuses := map[int]uint{}
		for range 100 {
			got := httptest.NewRecorder()
			handler.ServeHTTP(got, httptest.NewRequest("GET", "/details/0", nil))
			statuses[got.Code]++
		}
		if statuses[503] != percent || statuses[200] != 100-percent {
			t.Errorf("%d%%: got %v", percent, statuses)
		}
	}
	if _, err := handler(faults{errorRate: 101}); err == nil {
		t.Error("101% accepted")
	}
}

func TestDelay(t *testing.T) {
	const delay = 30 * time.Millisecond
	handler, err := handler(faults{delay: delay})
	if err != nil {
		t.Fatal(err)
	}
	for path, late := range map[string]bool{"/details/0": true, "/health": false} {
		got, start := httptest.NewRecorder(), time.Now()
		handler.ServeHTTP(got, httptest.NewRequest("GET", path, nil))
		if took := time.Since(start); got.Code != 200 || late != (took >= delay) {
			t.Errorf("%s: %d after %s", path, got.Code, took)
		}
	}
}

func TestFaultsOfTheEnvironment(t *testing.T) {
	t.Setenv("ERROR_RATE", "25")
	t.Setenv("DELAY", "400ms")
	if got, err := faultsOf(); err != nil || got != (faults{errorRate: 25, delay: 400 * time.Millisecond}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, value := range map[string]string{"ERROR_RATE": "many", "DELAY": "400"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			if _, err := faultsOf(); err == nil {
				t.Errorf("%s accepted", value)
			}
		})
	}
}
