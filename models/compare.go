package models

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Equal reports whether two cell values are one and the same to the column.
// Values are canonical JSON; nil is an absent cell. An unknown comparison is
// exact, which errs towards showing a difference.
//
// It is the one comparison behind conflict, unchanged-skip, the look before a
// write and the read-back after it, so that none of them can disagree.
func (c Comparison) Equal(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) && (a == nil) == (b == nil) {
		return true
	}
	switch c {
	case CompareNumber:
		return equalBy(a, b, decimalOf)
	case CompareSet:
		return equalBy(a, b, setOf)
	case CompareHTML:
		return equalBy(a, b, htmlOf)
	case CompareURL:
		return equalBy(a, b, unsignedOf)
	case CompareTrimmed:
		return equalBy(a, b, trimmedOf)
	case CompareInstant:
		return equalInstant(a, b)
	case CompareNullEmpty:
		return blank(a) && blank(b)
	case CompareAttachment:
		return equalBy(a, b, filesOf)
	default:
		return false
	}
}

// equalBy compares what read makes of each value; where it can make nothing of
// one, the values differ (they were not equal as they stand).
func equalBy[T comparable](a, b json.RawMessage, read func(json.RawMessage) (T, bool)) bool {
	left, ok := read(a)
	if !ok {
		return false
	}
	right, ok := read(b)
	return ok && left == right
}

// blank is null, absent, "" or [].
func blank(value json.RawMessage) bool {
	return value == nil || string(value) == "null" || string(value) == `""` || string(value) == "[]"
}

func decimalOf(value json.RawMessage) (string, bool) {
	d, ok := DecimalOf(value)
	return d.String(), ok
}

func trimmedOf(value json.RawMessage) (string, bool) {
	text, ok := Text(value)
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.TrimSpace(strings.ReplaceAll(text, "\r", "\n")), ok
}

// setOf writes an array without order and repeats.
func setOf(value json.RawMessage) (string, bool) {
	if len(value) == 0 || value[0] != '[' {
		return "", false
	}
	var elements []string
	EachElement(value, func(element json.RawMessage) bool {
		elements = append(elements, string(element))
		return true
	})
	slices.Sort(elements)
	return strings.Join(slices.Compact(elements), ","), true
}

// signing names the query parameters of signed links: where one stands, the
// whole query belongs to the signature and expires with it. S3, Google and
// Azure storage, CloudFront, and the plain names that services of our fact
// sheets use.
var signing = map[string]bool{
	"x-amz-signature": true, "x-amz-expires": true, "awsaccesskeyid": true,
	"x-goog-signature": true, "googleaccessid": true,
	"sig": true, "se": true, "signature": true, "key-pair-id": true,
	"expires": true, "expirationtimestamp": true, "exp": true, "hmac": true, "token": true,
}

// unsignedOf writes a value with the expiring query of every link in it cut
// off, at any depth: attachments are objects and arrays.
func unsignedOf(value json.RawMessage) (string, bool) {
	var out []byte
	rest := value
	for len(rest) > 0 {
		if rest[0] != '"' {
			out = append(out, rest[0])
			rest = rest[1:]
			continue
		}
		end := skipString(rest, 0)
		text := unquote(rest[:end])
		rest = rest[end:]
		out = AppendJSONString(out, withoutSignature(text))
	}
	return string(out), value != nil
}

func withoutSignature(text string) string {
	if !strings.HasPrefix(text, "http://") && !strings.HasPrefix(text, "https://") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	for name := range u.Query() {
		if signing[strings.ToLower(name)] {
			u.RawQuery = ""
			return u.String()
		}
	}
	return text
}

// instantLayouts are the forms services write moments in; those without a zone
// are read as UTC, for what has no zone is compared with what has none.
var instantLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02T15:04",
}

func instantOf(value json.RawMessage) (at time.Time, resolution time.Duration, ok bool) {
	text, ok := Text(value)
	if !ok {
		return time.Time{}, 0, false
	}
	for _, layout := range instantLayouts {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		return t, resolutionOf(text), true
	}
	return time.Time{}, 0, false
}

// resolutionOf tells the finest unit a moment was written in.
func resolutionOf(text string) time.Duration {
	_, fraction, ok := strings.Cut(text, ".")
	if !ok {
		if strings.Count(text[:min(len(text), len("2006-01-02T15:04:05"))], ":") < 2 {
			return time.Minute
		}
		return time.Second
	}
	unit := time.Second
	for _, c := range fraction {
		if c < '0' || c > '9' || unit == 1 {
			break
		}
		unit /= 10
	}
	return unit
}

// equalInstant holds two moments equal to the coarser of their resolutions: a
// service that keeps seconds gives back what it was sent without the fraction.
func equalInstant(a, b json.RawMessage) bool {
	left, leftUnit, ok := instantOf(a)
	if !ok {
		return false
	}
	right, rightUnit, ok := instantOf(b)
	unit := max(leftUnit, rightUnit)
	return ok && left.Truncate(unit).Equal(right.Truncate(unit))
}

// EachElement calls visit for each element of a canonical JSON array.
func EachElement(array json.RawMessage, visit func(element json.RawMessage) bool) {
	if len(array) < 2 || array[0] != '[' {
		return
	}
	for pos := 1; pos < len(array) && array[pos] != ']'; {
		end := skipValue(array, pos)
		if end < 0 || !visit(array[pos:end]) {
			return
		}
		pos = end
		if pos < len(array) && array[pos] == ',' {
			pos++
		}
	}
}
