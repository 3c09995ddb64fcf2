package compare

import (
	"fmt"
	"testing"
)

// cell is one combination of settings that a mixed cluster runs with.
type cell struct {
	security    string // plain, aes128, aes256, rotation, upshift
	label       bool
	compression string // on, off, mixed
	protocol    int    // 1 to 5
	packet      int
	ipv6        bool
	streamPings bool
	names       bool // required
}

// dimensions are the values that each setting takes. The order decides nothing but which cells come first.
var dimensions = [][]any{
	{"plain", "aes128", "aes256", "rotation", "upshift"},
	{false, true},
	{"on", "off", "mixed"},
	{1, 2, 3, 4, 5},
	{512, 1400, 8000},
	{false, true},
	{true, false},
	{false, true},
}

func cellOf(row []any) cell {
	return cell{
		security: row[0].(string), label: row[1].(bool), compression: row[2].(string), protocol: row[3].(int),
		packet: row[4].(int), ipv6: row[5].(bool), streamPings: row[6].(bool), names: row[7].(bool),
	}
}

// possible leaves out version 1 over IPv6: its nodes share one port, and there is only one loopback address.
func (c cell) possible() bool { return c.protocol != 1 || !c.ipv6 }

func (c cell) String() string {
	family, pings, names, label := "v4", "streampings", "anyname", "nolabel"
	if c.ipv6 {
		family = "v6"
	}
	if !c.streamPings {
		pings = "nostreampings"
	}
	if c.names {
		names = "names"
	}
	if c.label {
		label = "label"
	}
	return fmt.Sprintf("%s,%s,compression-%s,protocol-%d,%d,%s,%s,%s",
		c.security, label, c.compression, c.protocol, c.packet, family, pings, names)
}

// together is that a setting has one value while another has another.
type together struct{ d1, v1, d2, v2 int }

// pairs are all combinations of two values in a row of indices, or with single those of a value with itself.
func pairs(row []int, single bool) (all []together) {
	for i := range row {
		if single {
			all = append(all, together{i, row[i], i, row[i]})
			continue
		}
		for j := i + 1; j < len(row); j++ {
			all = append(all, together{i, row[i], j, row[j]})
		}
	}
	return all
}

// everyRow returns all possible combinations of indices into the dimensions.
func everyRow() (rows [][]int) {
	row := make([]int, len(dimensions))
	for {
		if cellAt(row).possible() {
			rows = append(rows, append([]int(nil), row...))
		}
		at := len(row) - 1
		for ; at >= 0; at-- {
			if row[at]++; row[at] < len(dimensions[at]) {
				break
			}
			row[at] = 0
		}
		if at < 0 {
			return rows
		}
	}
}

func cellAt(row []int) cell {
	values := make([]any, len(row))
	for i, v := range row {
		values[i] = dimensions[i][v]
	}
	return cellOf(values)
}

// cover chooses rows until every pair (or every single value) that the rows can show is in one: always the row that
// shows most of what is missing. It draws no lots, so the table is always the same.
func cover(rows [][]int, single bool) (chosen [][]int) {
	missing := make(map[together]bool)
	for _, row := range rows {
		for _, p := range pairs(row, single) {
			missing[p] = true
		}
	}
	for len(missing) > 0 {
		var best []int
		most := 0
		for _, row := range rows {
			shows := 0
			for _, p := range pairs(row, single) {
				if missing[p] {
					shows++
				}
			}
			if shows > most {
				best, most = row, shows
			}
		}
		for _, p := range pairs(best, single) {
			delete(missing, p)
		}
		chosen = append(chosen, best)
	}
	return chosen
}

// matrix are the cells in which every pair of values occurs; short are those of them that show each value.
func matrix() (all, short []cell) {
	rows := cover(everyRow(), false)
	for _, row := range rows {
		all = append(all, cellAt(row))
	}
	for _, row := range cover(rows, true) {
		short = append(short, cellAt(row))
	}
	return all, short
}

func TestTheMatrixIsSmallAndHasEveryPair(t *testing.T) {
	all, short := matrix()
	if len(all) > 40 || len(short) > 6 {
		t.Errorf("%d cells and %d of them in the short selection are too many", len(all), len(short))
	}
	rows := everyRow()
	possible, shown := make(map[string]bool), make(map[string]bool)
	note := func(c cell, in map[string]bool) {
		values := []any{c.security, c.label, c.compression, c.protocol, c.packet, c.ipv6, c.streamPings, c.names}
		for i, v := range values {
			for j, w := range values[:i] {
				in[fmt.Sprint(i, v, j, w)] = true
			}
		}
	}
	for _, row := range rows {
		note(cellAt(row), possible)
	}
	for _, c := range all {
		note(c, shown)
	}
	for pair := range possible {
		if !shown[pair] {
			t.Errorf("no cell shows %s", pair)
		}
	}
	t.Logf("%d cells, %d in the short selection, %d pairs", len(all), len(short), len(possible))
}
