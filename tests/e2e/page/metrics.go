package main

import "encoding/json"

// What is asked of the metrics store; who may not, is to be refused.
var askedOfMetrics = []question{
	counted,
	get("/api/v1/query?query=up"),
	get("/api/v1/label/__name__/values"),
	get("/api/v1/status/buildinfo"),
	get("/api/v1/status/config"),
	get("/api/v1/status/runtimeinfo"),
	get("/api/v1/status/tsdb"),
	get("/-/healthy"),
	{method: "POST", path: "/api/v1/write", kind: "application/x-protobuf"},
}

var counted = question{
	method: "POST",
	path:   "/api/v1/query",
	kind:   "application/x-www-form-urlencoded",
	body:   "query=count(up)",
}

// What a metrics store tells.
type metrics struct {
	Statuses map[string]string `json:"statuses"`
	// How many proxies it knows; empty where it tells none.
	Count string `json:"count"`
}

func metricsOf(url string) metrics {
	store := open(url)
	found := metrics{Statuses: store.statuses(askedOfMetrics)}
	_, body := store.ask(counted)
	var answer struct {
		Data struct {
			Result []struct{ Value []any }
		}
	}
	if json.Unmarshal(body, &answer) == nil && len(answer.Data.Result) == 1 && len(answer.Data.Result[0].Value) == 2 {
		found.Count, _ = answer.Data.Result[0].Value[1].(string)
	}
	return found
}
