package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"narthex/internal/server"
	"narthex/internal/testenv"
)

// caller is a connection that sends one request again and again and reads each answer whole.
type caller struct {
	conn    net.Conn
	in      *bufio.Reader
	request string
}

func dial(b *testing.B, address, request string) *caller {
	b.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	return &caller{conn, bufio.NewReader(conn), request}
}

func (c *caller) call() error {
	if _, err := io.WriteString(c.conn, c.request); err != nil {
		return err
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode != 200 {
		return fmt.Errorf("it answers %d", answer.StatusCode)
	}
	return nil
}

// load makes calls on so many connections for a while and gives the rate and the times of all.
func load(b *testing.B, address, request string, connections int, length time.Duration) (rate float64, times []time.Duration) {
	b.Helper()
	var stop atomic.Bool
	var mu sync.Mutex
	var wg sync.WaitGroup
	began := time.Now()
	for range connections {
		c := dial(b, address, request)
		wg.Go(func() {
			defer c.conn.Close()
			var own []time.Duration
			for !stop.Load() {
				start := time.Now()
				if err := c.call(); err != nil {
					b.Error(err)
					break
				}
				own = append(own, time.Since(start))
			}
			mu.Lock()
			defer mu.Unlock()
			times = append(times, own...)
		})
	}
	time.Sleep(length)
	stop.Store(true)
	wg.Wait()
	slices.Sort(times)
	return float64(len(times)) / time.Since(began).Seconds(), times
}

// BenchmarkDoor measures calls through Narthex, everything on, beside a bare httputil.ReverseProxy to the same model in the
// same run, in turns, in a process that is set as a node's. ratio is the rate through Narthex over the proxy's; added-p50 and added-p99 are in microseconds.
func BenchmarkDoor(b *testing.B) {
	server.Tune(os.Getenv)
	e := testenv.New(b, testenv.Options{})
	e.Model.Handle(testenv.Answer("hello", 7, 5))
	_, key := e.Grant(b, "", testenv.Tokens(1e9, nil))
	model, err := url.Parse(e.Model.URL)
	if err != nil {
		b.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(model) }, Transport: &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	bareServer := &http.Server{Handler: proxy}
	go bareServer.Serve(listener)
	defer bareServer.Close()
	request := strings.Replace(post(key, "/v1/chat/completions", testenv.Hello), "Connection: close\r\n", "", 1)
	for _, connections := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprint(connections), func(b *testing.B) {
			const rounds, length = 3, time.Second
			var ours, bare, ratios []float64
			var our, their []time.Duration
			for range rounds {
				rate, times := load(b, strings.TrimPrefix(e.Client.Base(), "http://"), request, connections, length)
				ours, our = append(ours, rate), append(our, times...)
				rate, times = load(b, listener.Addr().String(), request, connections, length)
				bare, their = append(bare, rate), append(their, times...)
				ratios = append(ratios, ours[len(ours)-1]/rate)
			}
			for b.Loop() { // the work is done: a run is three rounds, whatever b.N is
			}
			for _, list := range [][]float64{ours, bare, ratios} {
				slices.Sort(list)
			}
			slices.Sort(our)
			slices.Sort(their)
			b.ReportMetric(ours[rounds/2], "calls/s")
			b.ReportMetric(bare[rounds/2], "proxied/s")
			b.ReportMetric(ratios[rounds/2], "ratio")
			b.ReportMetric(float64(our[len(our)/2]-their[len(their)/2])/1e3, "added-p50-µs")
			b.ReportMetric(float64(our[len(our)*99/100]-their[len(their)*99/100])/1e3, "added-p99-µs")
			b.ReportMetric(0, "ns/op")
		})
	}
}
