// pause holds a pod's namespaces open until it is told to stop, and reaps the processes that end up with it.
package main

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

func main() {
	stop, child := make(chan os.Signal, 1), make(chan os.Signal, 64)
	signal.Notify(stop, unix.SIGINT, unix.SIGTERM)
	signal.Notify(child, unix.SIGCHLD)
	for {
		select {
		case <-stop:
			return
		case <-child:
			for {
				if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != nil || pid <= 0 {
					break
				}
			}
		}
	}
}
