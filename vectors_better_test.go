package memberlist

// better is what happens to one vector in ours and not in the reference, and why.
type better struct {
	why  string
	want []string
}

// What the tables of the reacting node hold in the vectors below.
const (
	msgHello  = "NotifyMsg 5 bytes: 68656c6c6f"
	rowAlpha  = `row "alpha"@1 <0a000001>:7946 meta <6d65> alive vsn <010502000000>`
	rowBravo  = `row "bravo"@1 <0a000002>:7946 meta <6d> alive vsn <010402000000>`
	rowBravo5 = `row "bravo"@5 <0a000002>:7946 meta <6d> alive vsn <010402000000>`
)

// The sentences of the specification behind what is better.
const (
	whyVersions = "an alive or a row whose versions are absurd is not stored, not forwarded, and does not poison exchanges with others"
	whyAddress  = "a claim that is absurd in another way than its versions is ignored too: nobody could reach its member"
	whyWindow   = "a claim whose incarnation exceeds the known one by more than 2^20 is ignored and counted"
	whyForms    = "the two forms of an IPv4 address are the same address when they are compared"
	whyProof    = "already dead or left: a higher incarnation is remembered, so that a delayed older alive resurrects nobody"
	whyRefuses  = "the answerer verifies and asks Merge, and then sends its own state or an error"
	whyOneRow   = "one bad row does not discard the others unless the version check is about a living member"
	whyNesting  = "compressed and compound may hold each other at most 4 deep"
	whySkip     = "with SkipInboundLabelCheck labels are stripped if present and not compared"
	whyEmpty    = "an empty reliable message is delivered"
	whyTooLong  = "a part of a packet has at most 65,535 bytes: what could never be told on is not taken"
	whySource   = "what is no address states no source, so the ack goes to the packet's own"
	whySix      = "an encoder writes exactly the canonical bytes, and these are six"
)

// betterOutcomes is every vector, by file and name, to which ours does not react as the reference does.
var betterOutcomes = map[string]better{
	"reactions/alive_vsn_nil":                   {whyVersions, []string{rowAlpha}},
	"reactions/alive_vsn_0":                     {whyVersions, []string{rowAlpha}},
	"reactions/alive_vsn_2":                     {whyVersions, []string{rowAlpha}},
	"reactions/alive_vsn_3":                     {whyVersions, []string{rowAlpha}},
	"reactions/alive_vsn_5":                     {whyVersions, []string{rowAlpha}},
	"reactions/alive_vsn_pcur_outside":          {whyVersions, []string{rowAlpha}},
	"reactions/alive_vsn_future":                {whyVersions, []string{rowAlpha}},
	"reactions/alive_vsn_dmin_gt_dmax":          {whyVersions, []string{rowAlpha}},
	"reactions/alive_vsn_shorter_update":        {whyVersions, []string{rowAlpha, rowBravo}},
	"reactions/alive_empty_map":                 {whyVersions, []string{rowAlpha}},
	"reactions/alive_addr_nil":                  {whyAddress, []string{rowAlpha}},
	"label/packet_skip_same_header":             {whySkip, []string{msgHello, rowAlpha}},
	"label/packet_skip_other_header":            {whySkip, []string{msgHello, rowAlpha}},
	"label/packet_skip_no_own_label_header":     {whySkip, []string{msgHello, rowAlpha}},
	"label/stream_skip_same_header":             {whySkip, []string{"reply: no reply", "closed after 0 ms", msgHello, rowAlpha}},
	"malformed_packet/compound_in_compound_10":  {whyNesting, []string{rowAlpha}},
	"malformed_packet/compound_in_compound_300": {whyNesting, []string{rowAlpha}},
	"malformed_packet/compress_in_compress_10":  {whyNesting, []string{rowAlpha}},
	"malformed_packet/type_4_body_empty_map":    {whyVersions, []string{rowAlpha}},
	"malformed_stream/user_header_missing":      {whyEmpty, []string{"reply: no reply", "closed after 0 ms", "NotifyMsg 0 bytes: ", rowAlpha}},
	"reactions/alive_vsn_7": {whySix, []string{
		"NotifyJoin bravo",
		`alive "bravo"@1 <0a000002>:7946 meta <6d> vsn <010402000000>`,
		rowAlpha, rowBravo,
	}},
	"reactions/alive_conflict_4_vs_16_bytes": {whyForms, []string{
		`alive "bravo"@2 <00000000000000000000ffff0a000002>:7946 meta <6d> vsn <010402000000>`,
		rowAlpha,
		`row "bravo"@2 <00000000000000000000ffff0a000002>:7946 meta <6d> alive vsn <010402000000>`,
	}},
	"reactions/alive_after_higher_dead_evidence": {whyProof, []string{
		rowAlpha, `row "bravo"@10 <0a000002>:7946 meta <6d> dead vsn <010402000000>`,
	}},
	"reactions/dead_of_left": {whyProof, []string{
		rowAlpha, `row "bravo"@6 <0a000002>:7946 meta <6d> left vsn <010402000000>`,
	}},
	"reactions/dead_max_incarnation":        {whyWindow, []string{rowAlpha, rowBravo5}},
	"reactions/self_suspect_2pow32_minus_2": {whyWindow, []string{rowAlpha}},
	"reactions/self_suspect_max_wraps":      {whyWindow, []string{rowAlpha}},
	"reactions/self_dead_max_wraps":         {whyWindow, []string{rowAlpha}},
	"reactions/self_alive_max_wraps":        {whyWindow, []string{rowAlpha}},
	"reactions/self_suspect_max_twice":      {whyWindow, []string{rowAlpha}},
	"reactions/pushpull_incompatible_row":   {whyRefuses, []string{"reply: error", rowAlpha}},
	"reactions/pushpull_dead_row_vsn_zero": {whyOneRow, []string{
		"reply: push/pull",
		"NotifyJoin charlie",
		"MergeRemoteState join=false 2 bytes: 7573",
		`alive "charlie"@1 <0a000003>:7946 meta <> vsn <010402000000>`,
		rowAlpha,
		`row "charlie"@1 <0a000003>:7946 meta <> alive vsn <010402000000>`,
	}},

	"msgpack_decode/alive_missing_addr":              {why: whyAddress},
	"msgpack_decode/alive_addr_5_bytes":              {why: whyAddress},
	"msgpack_decode/alive_addr_text":                 {why: whyAddress},
	"msgpack_decode/alive_missing_vsn":               {why: whyVersions},
	"msgpack_decode/alive_map_empty":                 {why: whyVersions},
	"msgpack_decode/alive_map_count_too_small":       {why: whyVersions},
	"msgpack_decode/alive_array_short":               {why: whyVersions},
	"msgpack_decode/alive_array_empty":               {why: whyVersions},
	"msgpack_decode/alive_top_nil":                   {why: whyVersions},
	"msgpack_decode/ping_source_addr_3_bytes":        {whySource, []string{"ack 300 nil to 10.0.0.9:1234"}},
	"msgpack_decode/stream_pushpull_row_vsn_missing": {whyRefuses, []string{"reply: error", "closed after 0 ms"}},
	"msgpack_decode/stream_user_zero":                {whyEmpty, []string{"reply: no reply", "closed after 0 ms", "NotifyMsg 0 bytes: "}},

	// Captured, and fed back: not stored.
	"messages_packet/alive_forwarded_nil_meta_nil_vsn":     {why: whyVersions},
	"messages_packet/alive_forwarded_empty_meta_empty_vsn": {why: whyVersions},
	"msgpack_encode/bytes_addr_nil":                        {why: whyVersions},
	"msgpack_encode/bytes_addr_0":                          {why: whyVersions},
	"msgpack_encode/bytes_addr_4":                          {why: whyVersions},
	"msgpack_encode/bytes_addr_16":                         {why: whyVersions},
	"msgpack_encode/bytes_vsn_nil":                         {why: whyVersions},
	"msgpack_encode/bytes_vsn_0":                           {why: whyVersions},
	"msgpack_encode/bytes_vsn_3":                           {why: whyVersions},
	"msgpack_encode/bytes_vsn_5":                           {why: whyVersions},
	"msgpack_encode/bytes_vsn_6_high_values":               {why: whyVersions},
	"msgpack_encode/string_name_65536_bytes":               {why: whyTooLong},
	"msgpack_encode/bytes_meta_65536":                      {why: whyTooLong},
}
