package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// The part of a dashboard that tells it from others.
type dashboard struct{ Title string }

func grafana() page {
	return page{port: os.Getenv("GF_SERVER_HTTP_PORT"), health: "/api/health", seen: seenByGrafana}
}

func seenByGrafana() (any, error) {
	provisioning := os.Getenv("GF_PATHS_PROVISIONING")
	var sources struct {
		Datasources []struct{ URL string }
	}
	if err := readOne(filepath.Join(provisioning, "datasources"), &sources); err != nil {
		return nil, err
	}
	var dashboards struct {
		Providers []struct{ Options struct{ Path string } }
	}
	if err := readOne(filepath.Join(provisioning, "dashboards"), &dashboards); err != nil {
		return nil, err
	}
	titles, err := titlesIn(dashboards.Providers[0].Options.Path)
	if err != nil {
		return nil, err
	}
	var home dashboard
	if err := read(os.Getenv("GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"), &home); err != nil {
		return nil, err
	}
	_, err = os.Stat(account)
	return map[string]any{
		"metrics":    metricsOf(sources.Datasources[0].URL),
		"dashboards": titles,
		"home":       home.Title,
		"keeps":      keeps(os.Getenv("GF_PATHS_DATA")),
		"token":      err == nil,
	}, nil
}

// readOne takes the only file of a folder of provisioning.
func readOne(folder string, into any) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return err
	}
	if len(files) != 1 {
		return fmt.Errorf("%s has %d files", folder, len(files))
	}
	return read(files[0], into)
}

func titlesIn(folder string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, err
	}
	titles := []string{}
	for _, file := range files {
		var found dashboard
		if err := read(file, &found); err != nil {
			return nil, err
		}
		titles = append(titles, found.Title)
	}
	return titles, nil
}

// keeps tells whether a database could be made in the folder.
func keeps(folder string) bool {
	file := filepath.Join(folder, "seen")
	return os.WriteFile(file, nil, 0o600) == nil && os.Remove(file) == nil
}
