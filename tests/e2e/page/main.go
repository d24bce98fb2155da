// A program in the place of Kiali and of Grafana, where their images cannot be had. It is started as they are, and has
// what they are given (arguments, variables, files, a token, the network) and nothing else. GET /seen tries with it what
// they would do, and tells what came of it.
//
// With -config FILE it is in Kiali's place, without in Grafana's.
package main

import (
	"encoding/json"
	"flag"
	"log"
	"net/http"
)

// A page is what is served, and where.
type page struct {
	port, health string
	seen         func() (any, error)
}

func main() {
	config := flag.String("config", "", "file with Kiali's configuration")
	flag.Parse()
	served, err := pageOf(*config)
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("GET "+served.health, func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("GET /seen", func(answer http.ResponseWriter, _ *http.Request) {
		found, err := served.seen()
		if err != nil {
			log.Print(err)
			http.Error(answer, err.Error(), http.StatusInternalServerError)
			return
		}
		json.NewEncoder(answer).Encode(found)
	})
	log.Fatal(http.ListenAndServe(":"+served.port, nil))
}

func pageOf(config string) (page, error) {
	if config == "" {
		return grafana(), nil
	}
	return kiali(config)
}
