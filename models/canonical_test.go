package models_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/scratch-platform/scratch/models"
)

func TestCanonicalForm(t *testing.T) {
	cases := map[string]struct{ in, want string }{
		"white space goes, keys are sorted":      {" { \"b\" : [ 1 , 2 ] ,\n\"a\":{} } ", `{"a":{},"b":[1,2]}`},
		"a shorter key comes before a longer":    {`{"a b":1,"a":2}`, `{"a":2,"a b":1}`},
		"the last of two equal keys stays":       {`{"a":1,"b":0,"a":2}`, `{"a":2,"b":0}`},
		"equal keys by escape are equal":         {`{"\u0061":1,"a":2}`, `{"a":2}`},
		"inner objects are sorted":               {`[{"z":{"d":1,"c":2},"a":0}]`, `[{"a":0,"z":{"c":2,"d":1}}]`},
		"digits stay":                            {`[1.10,12345678901234567890.000,0.0]`, `[1.10,12345678901234567890.000,0.0]`},
		"exponents are written out":              {`[1e5,1.50e3,1.5E-7,-2e+1,1.0e1,0e5]`, `[100000,1500,0.00000015,-20,10,0]`},
		"there is no negative zero":              {`[-0,-0.0,-0e3,-0.5]`, `[0,0.0,0,-0.5]`},
		"escapes are the fewest":                 {`"\u0041\/\u00e9\u001f\u000a\"\\"`, `"A/é\u001f\n\"\\"`},
		"a surrogate pair is one character":      {`"\ud83d\ude00"`, `"😀"`},
		"a lone surrogate is replaced":           {`"\ud83dx\ude00\ud83d\u0041"`, "\"\uFFFDx\uFFFD\uFFFDA\""},
		"U+0000 is replaced":                     {`{"k\u0000":"a\u0000b"}`, "{\"k\uFFFD\":\"a\uFFFDb\"}"},
		"bytes that are not UTF-8 are replaced":  {"\"a\xffb\xc3\"", "\"a\uFFFDb\uFFFD\""},
		"a number out of all range becomes text": {`[1e9999]`, `["1e9999"]`},
		"words":                                  {`[true,false,null]`, `[true,false,null]`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := models.Canonical([]byte(c.in))
			require.NoError(t, err)
			require.Equal(t, c.want, string(got))
		})
	}
}

func TestCanonicalRefusesMalformedJSON(t *testing.T) {
	for _, in := range []string{``, ` `, `{`, `[1,]`, `{"a"}`, `{"a":1,}`, `{a:1}`, `01`, `1.`, `.5`, `-`, `1e`, `"a`, "\"\n\"", `"\x"`, `"\u12"`, `tru`, `1 2`, `+1`, `NaN`} {
		_, err := models.Canonical([]byte(in))
		require.Truef(t, models.HasCode(err, "records.invalid_json"), "%q: %v", in, err)
	}
	_, err := models.Canonical([]byte(strings.Repeat("[", 1_000_000)))
	require.True(t, models.HasCode(err, "records.too_deep"), "a million brackets must not exhaust the stack: %v", err)
}

func TestCanonicalInputRefusesWhatWouldBeChanged(t *testing.T) {
	for in, code := range map[string]string{
		`"a\u0000b"`: "records.invalid_character",
		`"\ud800"`:   "records.invalid_character",
		"\"\xff\"":   "records.invalid_character",
		`1e9999`:     "records.number_out_of_range",
	} {
		_, err := models.CanonicalInput([]byte(in))
		require.Truef(t, models.HasCode(err, code), "%q: %v", in, err)
		problem, _ := models.AsProblem(err)
		require.NotEmpty(t, problem.Hint)
	}
}

// jsonValue draws any JSON value, written without care for its form.
func jsonValue() *rapid.Generator[string] {
	scalar := rapid.OneOf(
		rapid.SampledFrom([]string{"null", "true", "false", "0", "-0", "1.10", "1e3", "-2.5E-3", "12345678901234567890"}),
		rapid.Custom(func(t *rapid.T) string {
			quoted, err := json.Marshal(rapid.String().Draw(t, "text"))
			if err != nil {
				t.Fatal(err)
			}
			return string(quoted)
		}),
	)
	var value func(depth int) *rapid.Generator[string]
	value = func(depth int) *rapid.Generator[string] {
		if depth == 0 {
			return scalar
		}
		array := rapid.Custom(func(t *rapid.T) string {
			return "[ " + strings.Join(rapid.SliceOfN(value(depth-1), 0, 4).Draw(t, "array"), " ,\n") + "]"
		})
		object := rapid.Custom(func(t *rapid.T) string {
			var members []string
			for _, v := range rapid.SliceOfN(value(depth-1), 0, 5).Draw(t, "object") {
				key, err := json.Marshal(rapid.StringN(0, 3, 6).Draw(t, "key"))
				if err != nil {
					t.Fatal(err)
				}
				members = append(members, string(key)+": "+v)
			}
			return "{" + strings.Join(members, ",") + " }"
		})
		return rapid.OneOf(scalar, array, object)
	}
	return value(3)
}

func TestCanonicalIsAFixedPointAndMeansTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := strings.ReplaceAll(jsonValue().Draw(t, "json"), `\u0000`, "")
		once, err := models.Canonical([]byte(in))
		if err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		twice, err := models.Canonical(once)
		if err != nil || string(once) != string(twice) {
			t.Fatalf("not a fixed point: %s then %s (%v)", once, twice, err)
		}
		if models.HashOf(once) != models.HashOf(twice) {
			t.Fatal("the hash of equal text differs")
		}
		var before, after any
		if json.Unmarshal([]byte(in), &before) != nil || json.Unmarshal(once, &after) != nil {
			t.Fatal("one of them is not JSON")
		}
		first, _ := json.Marshal(before)
		second, _ := json.Marshal(after)
		if strings.ReplaceAll(string(first), "-0", "0") != strings.ReplaceAll(string(second), "-0", "0") {
			t.Fatalf("the meaning changed: %s became %s", first, second)
		}
	})
}

func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.0,{"b":null}]}`, `"\ud83d\u0000"`, `-0.0e-5`, "[\"\xff\"", `{"b":1,"a":2,"b":3}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := models.Canonical(in)
		if err != nil {
			_, ok := models.AsProblem(err)
			require.True(t, ok, "an error of another kind: %v", err)
			return
		}
		require.True(t, json.Valid(out), "not JSON: %q", out)
		require.NotContains(t, strings.ReplaceAll(string(out), `\\`, ""), `\u0000`)
		again, err := models.Canonical(out)
		require.NoError(t, err)
		require.Equal(t, string(out), string(again))
		if strict, err := models.CanonicalInput(in); err == nil {
			require.Equal(t, string(out), string(strict), "what a user may send is kept as it is")
		}
		if len(out) > 0 && out[0] == '{' {
			require.Equal(t, string(out), string(models.CellsOf(out).Object()), "an object survives being taken apart")
		}
	})
}

func TestCells(t *testing.T) {
	object := json.RawMessage(`{"a":{"x":[1,"}"]},"b\"c":"d,e","n":null,"z":-1.5}`)
	require.Equal(t, `{"x":[1,"}"]}`, string(models.CellOf(object, "a")))
	require.Equal(t, `"d,e"`, string(models.CellOf(object, `b"c`)))
	require.Equal(t, `null`, string(models.CellOf(object, "n")))
	require.Equal(t, `-1.5`, string(models.CellOf(object, "z")))
	require.Nil(t, models.CellOf(object, "x"), "an inner key is no column")
	require.Nil(t, models.CellOf(nil, "x"))
	var elements []string
	models.EachElement(json.RawMessage(`[1,"a,]",[2,3],{}]`), func(e json.RawMessage) bool {
		elements = append(elements, string(e))
		return true
	})
	require.Equal(t, []string{"1", `"a,]"`, "[2,3]", "{}"}, elements)
}

func BenchmarkCanonical(b *testing.B) {
	in := []byte(`{"id":"42","title":{"raw":"` + strings.Repeat("word ", 20) + `"},"content":"` + strings.Repeat("<p>Some text of a post.</p>\\n", 25) + `","tags":[1,2,3],"status":"publish"}`)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	out := make([]byte, 0, len(in))
	for b.Loop() {
		var err error
		if out, err = models.AppendCanonical(out[:0], in); err != nil {
			b.Fatal(err)
		}
	}
}
