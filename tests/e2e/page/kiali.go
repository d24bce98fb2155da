package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
)

// Where Kiali finds its own account's token, and kubeconfigs of other clusters.
const (
	account = "/var/run/secrets/kubernetes.io/serviceaccount"
	remotes = "/kiali-remote-cluster-secrets"
)

var groups = get("/apis/networking.istio.io/v1/workloadgroups")

// What is asked of each cluster: what is shown, and what Kiali is to have no right to.
var askedOfClusters = []question{
	groups,
	get("/apis/networking.istio.io/v1/virtualservices"),
	get("/api/v1/namespaces"),
	get("/api/v1/configmaps"),
	get("/api/v1/secrets"),
	get("/api/v1/namespaces/default/pods/any/log"),
	{method: "POST", path: "/api/v1/namespaces/default/pods/any/exec?command=true&stdout=true"},
	{
		method: "POST",
		path:   "/api/v1/namespaces?dryRun=All",
		kind:   "application/json",
		body:   `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "page-"}}`,
	},
}

// What is asked of Grafana: whether it answers, and what Kiali is not let in for.
var askedOfGrafana = []question{get("/api/health"), get("/seen")}

// The part of Kiali's configuration that leads to others.
type config struct {
	Clustering struct {
		Clusters []struct {
			Name   string
			Secret string `json:"secret_name"`
		}
	}
	Services struct {
		Grafana struct {
			URL string `json:"internal_url"`
		}
		Prometheus struct{ URL string }
	} `json:"external_services"`
	Kubernetes struct {
		Name string `json:"cluster_name"`
	} `json:"kubernetes_config"`
	Server struct{ Port int }
}

// What a cluster tells.
type cluster struct {
	Statuses map[string]string `json:"statuses"`
	// Names of its WorkloadGroups.
	Groups []string `json:"groups"`
}

func kiali(file string) (page, error) {
	var given config
	if err := read(file, &given); err != nil {
		return page{}, err
	}
	seen := func() (any, error) { return seenByKiali(given) }
	return page{port: strconv.Itoa(given.Server.Port), health: "/healthz", seen: seen}, nil
}

func seenByKiali(given config) (any, error) {
	home, err := own()
	if err != nil {
		return nil, err
	}
	clusters := map[string]cluster{given.Kubernetes.Name: clusterOf(home)}
	for _, other := range given.Clustering.Clusters {
		if other.Secret == "" {
			continue
		}
		found, err := remote(filepath.Join(remotes, other.Secret, other.Name))
		if err != nil {
			return nil, err
		}
		clusters[other.Name] = clusterOf(found)
	}
	return map[string]any{
		"clusters": clusters,
		"metrics":  metricsOf(given.Services.Prometheus.URL),
		"grafana":  open(given.Services.Grafana.URL).statuses(askedOfGrafana),
	}, nil
}

func clusterOf(it api) cluster {
	found := cluster{Statuses: it.statuses(askedOfClusters), Groups: []string{}}
	_, body := it.ask(groups)
	var answer struct {
		Items []struct{ Metadata struct{ Name string } }
	}
	if json.Unmarshal(body, &answer) == nil {
		for _, item := range answer.Items {
			found.Groups = append(found.Groups, item.Metadata.Name)
		}
	}
	return found
}

// own is the API of the cluster that this runs in.
func own() (api, error) {
	token, err := os.ReadFile(filepath.Join(account, "token"))
	if err != nil {
		return api{}, err
	}
	authority, err := os.ReadFile(filepath.Join(account, "ca.crt"))
	if err != nil {
		return api{}, err
	}
	return trusted("https://kubernetes.default.svc", string(token), authority), nil
}

// remote is the API that a kubeconfig leads to.
func remote(kubeconfig string) (api, error) {
	var given struct {
		Clusters []struct {
			Cluster struct {
				Server    string
				Authority []byte `json:"certificate-authority-data"`
			}
		}
		Users []struct{ User struct{ Token string } }
	}
	if err := read(kubeconfig, &given); err != nil {
		return api{}, err
	}
	to := given.Clusters[0].Cluster
	return trusted(to.Server, given.Users[0].User.Token, to.Authority), nil
}

// trusted is an API whose certificate the authority has signed.
func trusted(url, token string, authority []byte) api {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool}}
	return api{url: url, token: token, transport: transport}
}
