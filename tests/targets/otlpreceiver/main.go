// SPDX-License-Identifier: Apache-2.0

// Otlpreceiver is a collector that says what it got and can be told to behave badly. It reads with
// OpenTelemetry's own messages, not with ours.
//
// It prints READY and its port, then a line of JSON for each request. A line of its input is how the
// next requests are answered, each in its turn, and with 200 when there is none; it says OK to it:
//
//	STATUS [RETRY-AFTER]	that status, as OTLP has it
//	partial N		200, and N were not accepted
//	hang			no answer, until the other side gives up
//	garbage			bytes that are not HTTP
//	html			200 with what is not OTLP
//	endless			200 with a body that never ends
//	redirect		307 to /elsewhere
//	cut			the connection is closed in the middle of the answer
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
)

var (
	lock    sync.Mutex
	answers []string
)

type attributes map[string]any

type point struct {
	Service    string     `json:"service"`
	Name       string     `json:"name"`
	Unit       string     `json:"unit"`
	Kind       string     `json:"kind"`
	Value      float64    `json:"value"`
	Start      uint64     `json:"start"`
	Time       uint64     `json:"time"`
	Attributes attributes `json:"attributes"`
}

type record struct {
	Resource   attributes `json:"resource"`
	Severity   string     `json:"severity"`
	Number     int32      `json:"number"`
	Body       string     `json:"body"`
	Event      string     `json:"event"`
	Attributes attributes `json:"attributes"`
}

type got struct {
	Path    string      `json:"path"`
	Headers http.Header `json:"headers"`
	Points  []point     `json:"points,omitempty"`
	Records []record    `json:"records,omitempty"`
	Answer  string      `json:"answer"`
	Error   string      `json:"error,omitempty"`
}

func plain(v *common.AnyValue) any {
	switch v := v.GetValue().(type) {
	case *common.AnyValue_StringValue:
		return v.StringValue
	case *common.AnyValue_IntValue:
		return v.IntValue
	case *common.AnyValue_ArrayValue:
		all := []any{}
		for _, one := range v.ArrayValue.Values {
			all = append(all, plain(one))
		}
		return all
	}
	return nil
}

func plainAll(all []*common.KeyValue) attributes {
	ret := attributes{}
	for _, kv := range all {
		ret[kv.Key] = plain(kv.Value)
	}
	return ret
}

func points(r *metrics.ResourceMetrics, m *metrics.Metric) []point {
	var ret []point
	kind, all := "gauge", m.GetGauge().GetDataPoints()
	if s := m.GetSum(); s != nil {
		kind, all = "sum", s.DataPoints
		if s.IsMonotonic && s.AggregationTemporality == metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE {
			kind = "counter"
		}
	}
	service, _ := plainAll(r.Resource.Attributes)["service.name"].(string)
	for _, p := range all {
		ret = append(ret, point{service, m.Name, m.Unit, kind, p.GetAsDouble(), p.StartTimeUnixNano,
			p.TimeUnixNano, plainAll(p.Attributes)})
	}
	return ret
}

func (g *got) readMetrics(bytes []byte) error {
	var m colmetrics.ExportMetricsServiceRequest
	if err := proto.Unmarshal(bytes, &m); err != nil {
		return err
	}
	for _, r := range m.ResourceMetrics {
		for _, s := range r.ScopeMetrics {
			for _, one := range s.Metrics {
				g.Points = append(g.Points, points(r, one)...)
			}
		}
	}
	return nil
}

func (g *got) readLogs(bytes []byte) error {
	var l collogs.ExportLogsServiceRequest
	if err := proto.Unmarshal(bytes, &l); err != nil {
		return err
	}
	for _, r := range l.ResourceLogs {
		for _, s := range r.ScopeLogs {
			for _, one := range s.LogRecords {
				body, _ := plain(one.Body).(string)
				g.Records = append(g.Records, record{plainAll(r.Resource.Attributes), one.SeverityText,
					int32(one.SeverityNumber), body, one.EventName, plainAll(one.Attributes)})
			}
		}
	}
	return nil
}

func (g *got) read(r *http.Request) error {
	if r.Method != "POST" || r.Header.Get("Content-Type") != "application/x-protobuf" ||
		r.Header.Get("Content-Encoding") != "gzip" {
		return fmt.Errorf("not a request as it should be: %s %v", r.Method, r.Header)
	}
	unpacked, err := gzip.NewReader(r.Body)
	if err != nil {
		return err
	}
	bytes, err := io.ReadAll(unpacked)
	if err != nil {
		return err
	}
	switch r.URL.Path {
	case "/v1/metrics":
		return g.readMetrics(bytes)
	case "/v1/logs":
		return g.readLogs(bytes)
	}
	return fmt.Errorf("nobody should ask for %s", r.URL.Path)
}

func next() string {
	lock.Lock()
	defer lock.Unlock()
	if len(answers) == 0 {
		return "200"
	}
	a := answers[0]
	answers = answers[1:]
	return a
}

func send(w http.ResponseWriter, code int, m proto.Message) {
	bytes, _ := proto.Marshal(m)
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.WriteHeader(code)
	w.Write(bytes)
}

// Past net/http, which would not let a server misbehave.
func raw(w http.ResponseWriter, text string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		io.WriteString(conn, text)
		conn.Close()
	}
}

func answer(w http.ResponseWriter, r *http.Request, how string) {
	words := strings.Fields(how)
	switch words[0] {
	case "hang":
		<-r.Context().Done()
	case "garbage":
		raw(w, "\x00\xff not HTTP at all\r\n\r\n")
	case "cut":
		raw(w, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nxx")
	case "html":
		io.WriteString(w, "<html>hello</html>")
	case "endless":
		for {
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	case "redirect":
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	case "partial":
		n, _ := strconv.ParseInt(words[1], 10, 64)
		send(w, 200, &colmetrics.ExportMetricsServiceResponse{
			PartialSuccess: &colmetrics.ExportMetricsPartialSuccess{RejectedDataPoints: n, ErrorMessage: "too \x1b[31mold"}})
	default:
		code, _ := strconv.Atoi(words[0])
		if len(words) > 1 {
			w.Header().Set("Retry-After", words[1])
		}
		if code == 200 {
			send(w, code, &colmetrics.ExportMetricsServiceResponse{})
		} else {
			send(w, code, &status.Status{Code: 14, Message: "not today"})
		}
	}
}

func main() {
	address := "127.0.0.1:0"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("READY {\"port\": %d}\n", listener.Addr().(*net.TCPAddr).Port)
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g := got{Path: r.URL.Path, Headers: r.Header, Answer: next()}
		if err := g.read(r); err != nil {
			g.Error = err.Error()
		}
		line, _ := json.Marshal(g)
		lock.Lock()
		fmt.Printf("%s\n", line)
		lock.Unlock()
		answer(w, r, g.Answer)
	}))
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		lock.Lock()
		answers = append(answers, in.Text())
		fmt.Println("OK")
		lock.Unlock()
	}
}
