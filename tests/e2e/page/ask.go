package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const most = 16 << 20

// A question is a request; one with a body says what that is.
type question struct{ method, path, kind, body string }

func get(path string) question { return question{method: http.MethodGet, path: path} }

func (it question) String() string { return it.method + " " + it.path }

// An api is asked with the token, where there is one.
type api struct {
	url, token string
	transport  *http.Transport
}

// ask tells the status of the answer, or why there is none, and its body.
func (it api) ask(asked question) (string, []byte) {
	request, err := http.NewRequest(asked.method, it.url+asked.path, strings.NewReader(asked.body))
	if err != nil {
		return err.Error(), nil
	}
	if asked.kind != "" {
		request.Header.Set("Content-Type", asked.kind)
	}
	if it.token != "" {
		request.Header.Set("Authorization", "Bearer "+it.token)
	}
	client := http.Client{Transport: it.transport, Timeout: 5 * time.Second}
	answer, err := client.Do(request)
	if err != nil {
		return err.Error(), nil
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, most))
	if err != nil {
		return err.Error(), nil
	}
	return strconv.Itoa(answer.StatusCode), body
}

// statuses tells those of the answers, by question.
func (it api) statuses(questions []question) map[string]string {
	found := map[string]string{}
	for _, asked := range questions {
		found[asked.String()], _ = it.ask(asked)
	}
	return found
}

// open is an API that asks for no token.
func open(url string) api {
	return api{url: url, transport: &http.Transport{DisableKeepAlives: true}}
}

// read takes a file of JSON, which is what the program writes where YAML is read.
func read(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
