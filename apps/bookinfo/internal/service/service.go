// Package service holds what Bookinfo's four services share: a process that starts, serves and ends
// well, the answers' form, and calls from one service to another.
package service

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

const (
	defaultPort = "9080"

	// grace is the time that running requests get to finish after SIGTERM.
	grace = 5 * time.Second

	// Envoy keeps an unused connection to the application for an hour. It has to be the side that
	// closes it: were it this one, a request just sent on that connection would be lost.
	idleTimeout = 2 * time.Hour
)

// Main is the whole life of a service: it reads the command line, builds the handler, serves it, and
// ends on SIGTERM or SIGINT after running requests have finished, or after five seconds. Environment is
// the part of --help that lists the variables which this service reads beyond the common ones. Flags
// have to be defined before.
func Main(name, environment string, handler func() (http.Handler, error)) {
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: %s [flags] [port]\n\n"+
			"Bookinfo's %s service. Environment variables and flags:\n\n"+
			"  PORT             port to listen on if none is given as an argument (default %s)\n"+
			"  ACCESS_LOG       true: log every request\n"+
			"  SERVICE_VERSION  version of this service (default v1)\n%s", name, name, defaultPort, environment)
		flag.PrintDefaults()
	}
	flag.Parse()
	log := slog.New(slog.NewTextHandler(os.Stdout, nil)).With("service", name, "version", Version())
	if err := run(log, handler); err != nil {
		log.Error("stopped", "error", err)
		os.Exit(1)
	}
}

func run(log *slog.Logger, build func() (http.Handler, error)) error {
	address, err := listenAddress(flag.Args())
	if err != nil {
		return err
	}
	handler, err := build()
	if err != nil {
		return err
	}
	if Env("ACCESS_LOG", "false") == "true" {
		handler = logged(log, handler)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	log.Info("listening", "address", listener.Addr().String())
	return serve(ctx, listener, handler, grace)
}

func listenAddress(args []string) (string, error) {
	port := Env("PORT", defaultPort)
	switch len(args) {
	case 0:
	case 1:
		port = args[0]
	default:
		return "", fmt.Errorf("one port expected, got %q", args)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("not a port: %q", port)
	}
	return ":" + port, nil
}

// serve returns when ctx is done and all running requests are answered, or with an error when grace is
// over before that.
func serve(ctx context.Context, listener net.Listener, handler http.Handler, grace time.Duration) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    64 << 10,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("requests cut off after %s: %w", grace, err), server.Close())
	}
	return nil
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func logged(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		recorder := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(recorder, r)
		log.Info("request", "method", r.Method, "path", r.URL.Path, "status", recorder.status,
			"took", time.Since(start), "request_id", r.Header.Get("X-Request-Id"))
	})
}

// Env gives the environment variable's value, or otherwise if it is unset or empty.
func Env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// Version is the version that this process is to be, as set by SERVICE_VERSION.
func Version() string { return Env("SERVICE_VERSION", "v1") }
