package server_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/testenv"
)

// largestStudy writes sixteen files of as many bytes as a file may have: tables of measured values, and texts.
const largestStudy = `import random
draw = random.Random(1)
letters = 'etaoinshrdlucmfwypvbgk'
words = [''.join(draw.choice(letters) for _ in range(2 + draw.randrange(9))) for _ in range(4000)]
for n in range(8):
    rows, size = ['step,' + ','.join('value%d' % c for c in range(24))], 0
    while len(rows) < 5001:
        row = '%d,' % len(rows) + ','.join('%.4g' % draw.gauss(0, 1) for _ in range(24))
        size += len(row) + 1
        if size > 990000:
            break
        rows.append(row)
    open('/out/table-%d.csv' % n, 'w').write('\n'.join(rows) + '\n')
    lines, size = [], 0
    while True:
        line = 'In layer %d %s %.3g.' % (draw.randrange(64), ' '.join(draw.choice(words) for _ in range(14)), draw.gauss(0, 1))
        size += len(line) + 1
        if size > 999000:
            break
        lines.append(line)
    open('/out/words-%d.txt' % n, 'w').write('\n'.join(lines) + '\n')
`

// BenchmarkRelease measures a release of the most bytes that sixteen files may have, from when it is handed in at the door until its findings
// are recorded: what was frozen is read, its charge computed, looked into in a confined child beside the asset, and reserved.
func BenchmarkRelease(b *testing.B) {
	options, _ := testenv.Beside(b, testenv.Options{Config: confines(b), Files: func(files lab.Files) {
		roomy(files)
		files["environments/box.yaml"] = []byte("name: box\ntitle: python\nroot: /\ncommand: [/usr/bin/python3, -I, /study/main.py]\nlimits: {memory_mb: 512, wall_minutes: 20, cpus: 1, processes: 16, scratch_mb: 64, out_mb: 64}\npathways: [any]\n")
	}}, nil)
	e := testenv.New(b, options)
	n := narthex.NumberValue
	_, key := e.Grant(b, "", testenv.Term("weights.compute", map[narthex.LimitName]narthex.Value{"cpu_hours": n(100), "wall_minutes": n(20), "memory_mb": n(512), "bytes_out": n(1e9)}),
		testenv.Term("output.release", map[narthex.LimitName]narthex.Value{"artefacts": narthex.NamesValue("table", "text"), "bytes_out": n(1e9)}), testenv.Tokens(10, nil))
	holder := e.Client.With(key)
	text, wanted := "name: a-study\noutputs:\n", []client.WantedFile(nil)
	for _, kind := range []string{"table-%d.csv, kind: csv", "words-%d.txt, kind: text"} {
		for i := range 8 {
			text += "  - {name: " + fmt.Sprintf(kind, i) + ", says: results}\n"
			name, _, _ := strings.Cut(fmt.Sprintf(kind, i), ",")
			wanted = append(wanted, client.WantedFile{Name: name, Context: context20})
		}
	}
	job, err := holder.SubmitJob(b.Context(), client.SubmitJob{Asset: "model", Environment: "box", WallMinutes: 10, MemoryMB: 512, Files: []client.StudyFile{{Path: "main.py", Data: []byte(largestStudy)}, {Path: "study.yaml", Data: []byte(text)}}})
	if err != nil {
		b.Fatal(err)
	}
	until(b, "the study is over", func() bool { view, err := holder.Job(b.Context(), job.ID); return err == nil && view.State.Over() })
	var asked narthex.Release
	for b.Loop() {
		if asked, err = holder.SubmitRelease(b.Context(), client.SubmitRelease{Job: job.ID, Files: wanted}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if _, err := holder.WithdrawRelease(b.Context(), asked.ID); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.StopTimer()
	asked, err = holder.SubmitRelease(b.Context(), client.SubmitRelease{Job: job.ID, Files: wanted})
	if err != nil {
		b.Fatal(err)
	}
	seen, err := e.People["olga"].Release(b.Context(), asked.ID)
	if err != nil {
		b.Fatal(err)
	}
	sum := 0
	for _, f := range seen.Files {
		sum += len(bytes.TrimSpace(f.Data)) + 1
	}
	b.ReportMetric(float64(sum)/1e6, "MB")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/release")
	b.ReportMetric(float64(len(asked.Findings)), "findings")
	b.ReportMetric(float64(asked.Charge)/1e6, "MB-charged")
}
