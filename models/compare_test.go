package models_test

import (
	"cmp"
	"encoding/json"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/scratch-platform/scratch/models"
)

func raw(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

func TestComparisons(t *testing.T) {
	cases := []struct {
		compare models.Comparison
		a, b    string
		equal   bool
	}{
		{models.CompareExact, `"a"`, `"a"`, true},
		{models.CompareExact, `"a"`, `"A"`, false},
		{models.CompareExact, ``, `null`, false},
		{models.CompareExact, `null`, `""`, false},
		{models.CompareNumber, `"1.0"`, `"1"`, true},
		{models.CompareNumber, `"1.0"`, `1`, true},
		{models.CompareNumber, `"-0"`, `"0"`, true},
		{models.CompareNumber, `"1e3"`, `"1000"`, true},
		{models.CompareNumber, `"0.1e1"`, `"1"`, true},
		{models.CompareNumber, `"12345678901234567890"`, `"12345678901234567891"`, false},
		{models.CompareNumber, `"one"`, `"One"`, false},
		{models.CompareSet, `["a","b"]`, `["b","a","a"]`, true},
		{models.CompareSet, `["a"]`, `["a","b"]`, false},
		{models.CompareSet, `[]`, `null`, false},
		{models.CompareSet, `["a,b"]`, `["a","b"]`, false},
		{models.CompareTrimmed, `" a\r\nb "`, `"a\nb"`, true},
		{models.CompareTrimmed, `"a b"`, `"a  b"`, false},
		{models.CompareInstant, `"2026-01-31T15:04:05Z"`, `"2026-01-31T16:04:05+01:00"`, true},
		{models.CompareInstant, `"2026-01-31T15:04:05.123Z"`, `"2026-01-31T15:04:05Z"`, true},
		{models.CompareInstant, `"2026-01-31T15:04:05.123Z"`, `"2026-01-31T15:04:05.124Z"`, false},
		{models.CompareInstant, `"2026-01-31T15:04:05"`, `"2026-01-31T15:04:06"`, false},
		{models.CompareInstant, `"soon"`, `"later"`, false},
		{models.CompareNullEmpty, ``, `null`, true},
		{models.CompareNullEmpty, `""`, `null`, true},
		{models.CompareNullEmpty, `""`, `" "`, false},
		{models.CompareNullEmpty, `[]`, ``, true},
		{models.CompareNullEmpty, `["a"]`, `[]`, false},
		{models.CompareAttachment, `[{"alt":"a","id":"x","size":1,"url":"u1"}]`, `[{"alt":"a","id":"x","thumbnails":{},"url":"u2"}]`, true},
		{models.CompareAttachment, `[{"alt":"a","id":"x"}]`, `[{"alt":"b","id":"x"}]`, false},
		{models.CompareAttachment, `[{"id":"x"},{"id":"y"}]`, `[{"id":"y"},{"id":"x"}]`, false},
		{models.CompareAttachment, `{"id":"x","url":"u1"}`, `{"id":"x","url":"u2"}`, true},
		{models.CompareAttachment, `[{"url":"u1"}]`, `[{"url":"u2"}]`, false},
		{models.CompareAttachment, `[{"name":"n","url":"u1"}]`, `[{"url":"u1"}]`, true},
		{models.CompareAttachment, `[]`, `null`, true},
		{models.CompareAttachment, `[]`, `[{"id":"x"}]`, false},
		{models.CompareURL, `"https://f.example/a.png?X-Amz-Signature=1&X-Amz-Expires=2"`, `"https://f.example/a.png?X-Amz-Signature=3"`, true},
		{models.CompareURL, `"https://f.example/a?id=1"`, `"https://f.example/a?id=2"`, false},
		{models.CompareURL, `[{"id":"x","url":"https://f.example/a?sig=1"}]`, `[{"id":"x","url":"https://f.example/a?sig=2"}]`, true},
		{models.CompareURL, `[{"id":"x","url":"https://f.example/a?sig=1"}]`, `[{"id":"y","url":"https://f.example/a?sig=1"}]`, false},
		{models.CompareHTML, `"<p>a  &amp; b</p>\n<p>c</p>"`, `"<p>a &#38; b</p><p>c</p>"`, true},
		{models.CompareHTML, `"<p class=x id=\"y\">a<br/>b</p>"`, `"<p id='y' class='x'>a<br>b</p>"`, true},
		{models.CompareHTML, `"<p>a <b>b</b></p>"`, `"<p>a<b>b</b></p>"`, false},
		{models.CompareHTML, `"<b>a</b> <i>b</i>"`, `"<b>a</b><i>b</i>"`, false},
		{models.CompareHTML, `"<pre>a  b</pre>"`, `"<pre>a b</pre>"`, false},
		{models.CompareHTML, `"<!-- wp:p -->\n<p>a</p>"`, `"<!--wp:p--><p>a</p>"`, true},
		{models.CompareHTML, `"<!-- wp:p --><p>a</p>"`, `"<p>a</p>"`, false},
		{models.CompareHTML, `"&amp;lt;"`, `"&lt;"`, false},
		{models.CompareHTML, `"a\u00a0b"`, `"a b"`, false},
		{"made up", `"a"`, `"b"`, false},
	}
	for _, c := range cases {
		require.Equalf(t, c.equal, c.compare.Equal(raw(c.a), raw(c.b)), "%s: %s and %s", c.compare, c.a, c.b)
		require.Equalf(t, c.equal, c.compare.Equal(raw(c.b), raw(c.a)), "%s: %s and %s, the other way round", c.compare, c.b, c.a)
	}
}

func TestDecimalKeySortsAsNumbersDo(t *testing.T) {
	decimal := rapid.StringMatching(`-?[0-9]{1,25}(\.[0-9]{1,12})?(e-?[0-9])?`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := decimal.Draw(t, "a"), decimal.Draw(t, "b")
		left, ok := models.ParseDecimal(a)
		right, ok2 := models.ParseDecimal(b)
		if !ok || !ok2 {
			t.Fatalf("%s or %s is no decimal", a, b)
		}
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		if got := cmp.Compare(left.Key(), right.Key()); got != x.Cmp(y) {
			t.Fatalf("%s and %s compare %d by key, %d as numbers", a, b, got, x.Cmp(y))
		}
		if back, ok := models.ParseDecimal(left.String()); !ok || back != left {
			t.Fatalf("%s does not survive being written: %s", a, left)
		}
	})
}

func TestWhatIsNoDecimal(t *testing.T) {
	for _, text := range []string{"", "-", "+", ".", "1.", "1 2", "0x1", "1e", "e5", "--1", "NaN", "Infinity", "1,5", "1e99999"} {
		_, ok := models.ParseDecimal(text)
		require.Falsef(t, ok, "%q", text)
	}
}

func FuzzCompare(f *testing.F) {
	f.Add(`"<p>a</p>"`, `"<p>b</p>"`)
	f.Add(`["a"]`, `"https://x.example/?sig=1"`)
	all := []models.Comparison{
		models.CompareExact, models.CompareNumber, models.CompareSet, models.CompareHTML,
		models.CompareURL, models.CompareTrimmed, models.CompareInstant, models.CompareNullEmpty,
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		left, err := models.Canonical([]byte(a))
		if err != nil {
			return
		}
		right, err := models.Canonical([]byte(b))
		if err != nil {
			return
		}
		for _, c := range all {
			require.True(t, c.Equal(left, left), "%s: a value equals itself", c)
			require.Equal(t, c.Equal(left, right), c.Equal(right, left), "%s: either way round", c)
		}
	})
}
