package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "wpfake:", err)
		os.Exit(1)
	}
}

func run() error {
	addr := flag.String("addr", "127.0.0.1:0", "loopback address to listen on")
	demo := flag.Bool("demo", false, "fill with the demo content")
	generated := flag.Int("generated", 0, "fill with this many generated posts")
	logFile := flag.String("log", "", "append the request log to this file")
	journal := flag.String("journal", "", "keep the site's changes in this file")
	zone := flag.String("timezone", "UTC", "the site's time zone")
	flag.Parse()
	loc, err := time.LoadLocation(*zone)
	if err != nil {
		return err
	}
	var content []fake.Content
	if *demo {
		content = append(content, fake.Demo())
	}
	if *generated > 0 {
		content = append(content, fake.Generated(*generated))
	}
	site, err := fake.New(fake.Options{LogFile: *logFile, JournalFile: *journal, Timezone: loc}, content...)
	if err != nil {
		return err
	}
	defer site.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", *addr)
	if err != nil {
		return err
	}
	// The one line a parent process waits for.
	fmt.Println("http://" + ln.Addr().String())
	return site.Serve(ctx, ln)
}
