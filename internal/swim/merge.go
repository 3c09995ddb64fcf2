package swim

import "github.com/seed-f61b0479/memberlist/internal/wire"

// mergeRow takes one row of another node's table. That node may be mistaken about who is dead,
// so its dead are only suspects here; that a member has left was said by the member itself.
func (m *Machine) mergeRow(r *wire.Row, joining bool) {
	switch r.State {
	case int(Alive):
		a := wire.Alive{
			Incarnation: r.Incarnation,
			Node:        r.Name,
			Addr:        r.Addr,
			Port:        r.Port,
			Meta:        r.Meta,
			Vsn:         r.Vsn,
		}
		m.hearAlive(&a, joining)
	case int(Left):
		d := wire.Dead{Incarnation: r.Incarnation, Node: r.Name, From: r.Name}
		m.hearDead(&d, joining)
	case int(Dead), int(Suspect):
		s := wire.Suspect{Incarnation: r.Incarnation, Node: r.Name, From: m.self.Name}
		m.hearSuspect(&s, joining)
	}
}

// rowBytes is the most that the address and the versions of one row take.
const rowBytes = 16 + 6

// Rows appends our own table, for the other end of a full state exchange. The rows share
// names and meta with the table, which never changes them, so they may be used for ever.
func (m *Machine) Rows(dst []wire.Row) []wire.Row {
	var ip [16]byte
	buf := make([]byte, 0, rowBytes*len(m.table.order))
	cut := func(start int) []byte { return buf[start:len(buf):len(buf)] }
	for _, x := range m.table.order {
		row := wire.Row{
			Name:        x.Name,
			Port:        x.Addr.Port(),
			Meta:        x.Meta,
			Incarnation: x.incarnation,
			State:       int(x.state),
		}
		start := len(buf)
		buf = append(buf, ipBytes(x.Addr.Addr(), &ip)...)
		row.Addr = cut(start)
		start = len(buf)
		buf = x.Versions.Append(buf)
		row.Vsn = cut(start)
		dst = append(dst, row)
	}
	return dst
}

// AppendRows appends our own table as it goes over the wire, without the rows in between.
func (m *Machine) AppendRows(b []byte) []byte {
	var ip [16]byte
	var versions [rowBytes]byte
	for _, x := range m.table.order {
		row := wire.Row{
			Name:        x.Name,
			Addr:        ipBytes(x.Addr.Addr(), &ip),
			Port:        x.Addr.Port(),
			Meta:        x.Meta,
			Incarnation: x.incarnation,
			State:       int(x.state),
			Vsn:         x.Versions.Append(versions[:0]),
		}
		b = row.Append(b)
	}
	return b
}
