package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// parsed reads a document strictly: it returns how many elements of each kind it has, and the text of its scripts.
func parsed(t *testing.T, file string) (elements map[string]int, script string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	elements = make(map[string]int)
	d, within := xml.NewDecoder(f), ""
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return elements, script
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		switch x := token.(type) {
		case xml.StartElement:
			elements[x.Name.Local]++
			within = x.Name.Local
		case xml.CharData:
			if within == "script" {
				script += string(x)
			}
		case xml.EndElement:
			within = ""
		}
	}
}

func TestThePageHasThePlotsAndWhatTheyShow(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.html")
	printed(t, "-scenario", "failure", "-n", "12", "-victims", "2", "-seeds", "2", "-for", "20s", "-html", file)
	elements, script := parsed(t, file)
	if elements["svg"] != 3 || elements["table"] != 2 {
		t.Errorf("the page has %d plots and %d tables, not 3 and 2", elements["svg"], elements["table"])
	}
	var shown data
	if err := json.Unmarshal([]byte(script), &shown); err != nil {
		t.Fatal(err)
	}
	if len(shown.Frames) != frames {
		t.Errorf("the page has %d moments, not %d", len(shown.Frames), frames)
	}
	last := shown.Frames[len(shown.Frames)-1]
	if len(last.Sizes) != 1 || last.Sizes[0] != [2]int{10, 10} {
		t.Errorf("in the end 10 nodes should have views of 10: %v", last.Sizes)
	}
	for _, s := range shown.Series {
		if s.Name == "crash known at a node" && s.Samples == 40 && s.Never == 0 && len(s.Quantiles) == quantiles+1 {
			return
		}
	}
	t.Errorf("the time until a crash was known, 40 samples, is missing: %+v", shown.Series)
}

func TestThePageNeedsNothingElse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.html")
	printed(t, "-scenario", "rest", "-n", "3", "-for", "5s", "-html", file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, foreign := range []string{"src=", "href=", "url(", "@import"} {
		if strings.Contains(string(text), foreign) {
			t.Errorf("the page fetches something: %s", foreign)
		}
	}
}

func TestEachPlotIsADocumentOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	printed(t, "-scenario", "lifeguard", "-n", "16", "-victims", "4", "-ill", "8s", "-parts", "swim,lifeguard", "-for", "30s", "-plots", dir)
	for _, name := range []string{"views", "times-swim", "times-lifeguard", "bytes"} {
		elements, _ := parsed(t, filepath.Join(dir, "lifeguard-"+name+".svg"))
		if elements["svg"] != 1 || elements["path"] < 10 {
			t.Errorf("%s: %v", name, elements)
		}
	}
}

func TestAPageThatCannotBeWrittenIsAnError(t *testing.T) {
	args := []string{"-scenario", "rest", "-n", "2", "-for", "1s", "-html", filepath.Join(t.TempDir(), "no", "page.html")}
	if err := run(args, io.Discard, io.Discard); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the error is %v", err)
	}
}

func TestNeighbouringStrokesBecomeOne(t *testing.T) {
	c := cloud{name: "nodes", width: 1, heavy: true}
	for at := range 10 {
		c.see(float64(at), [][2]int{{5, 5}}, 1)
	}
	p := plot{clouds: []cloud{c}}
	if n := strings.Count(p.svg(), `stroke-width="5"`); n != 1 {
		t.Errorf("ten moments of one size are %d paths", n)
	}
	if !strings.Contains(p.svg(), `<path d="M70 `) || strings.Count(p.svg(), "H746\" fill") != 1 {
		t.Errorf("they are not one stroke over the whole width: %s", p.svg())
	}
}
