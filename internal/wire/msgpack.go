package wire

// The format bytes of msgpack that the hand-written codec knows by name.
// The old dialect has one family for strings and byte slices: fixraw, raw16, raw32.
const (
	fixMap   = 0x80
	fixArray = 0x90
	fixRaw   = 0xa0
	fmtNil   = 0xc0
	fmtFalse = 0xc2
	fmtTrue  = 0xc3
	fmtU8    = 0xcc
	fmtU16   = 0xcd
	fmtU32   = 0xce
	fmtI8    = 0xd0
	fmtI16   = 0xd1
	fmtI32   = 0xd2
	fmtI64   = 0xd3
	fmtRaw16 = 0xda
	fmtRaw32 = 0xdb

	fixRawMax = 31
)

// The field names as they stand on the wire, length first.
// In every message they follow each other in byte order.
const (
	keyAddr         = "\xa4Addr"
	keyAlgo         = "\xa4Algo"
	keyBuf          = "\xa3Buf"
	keyError        = "\xa5Error"
	keyFrom         = "\xa4From"
	keyIncarnation  = "\xabIncarnation"
	keyJoin         = "\xa4Join"
	keyMeta         = "\xa4Meta"
	keyNack         = "\xa4Nack"
	keyName         = "\xa4Name"
	keyNode         = "\xa4Node"
	keyNodes        = "\xa5Nodes"
	keyPayload      = "\xa7Payload"
	keyPort         = "\xa4Port"
	keySeqNo        = "\xa5SeqNo"
	keySourceAddr   = "\xaaSourceAddr"
	keySourceNode   = "\xaaSourceNode"
	keySourcePort   = "\xaaSourcePort"
	keyState        = "\xa5State"
	keyTarget       = "\xa6Target"
	keyUserMsgLen   = "\xaaUserMsgLen"
	keyUserStateLen = "\xacUserStateLen"
	keyVsn          = "\xa3Vsn"
)
