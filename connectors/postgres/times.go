package postgres

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
)

// errWire is for a value that has not the form its type has on the wire.
var errWire = errors.New("a value does not have the form of its type")

const (
	microsOfDay = 24 * 60 * 60 * 1_000_000
	// daysTo2000 is from 1970, where the calendar below counts from, to 2000,
	// where PostgreSQL does.
	daysTo2000 = 10957
)

// appendDate writes 2026-01-31, or infinity, or a year before 1 with BC, as the
// server does.
func appendDate(dst, wire []byte) ([]byte, error) {
	if len(wire) != 4 {
		return dst, errWire
	}
	days := int32(binary.BigEndian.Uint32(wire)) //nolint:gosec // the sign is in the bits
	switch days {
	case math.MaxInt32:
		return append(dst, `"infinity"`...), nil
	case math.MinInt32:
		return append(dst, `"-infinity"`...), nil
	}
	dst = append(dst, '"')
	dst, before := appendDay(dst, int64(days))
	if before {
		dst = append(dst, " BC"...)
	}
	return append(dst, '"'), nil
}

func appendTime(dst, wire []byte) ([]byte, error) {
	if len(wire) != 8 {
		return dst, errWire
	}
	dst = append(dst, '"')
	dst = appendClock(dst, int64(binary.BigEndian.Uint64(wire))) //nolint:gosec // within a day
	return append(dst, '"'), nil
}

// appendTimestamp writes a time without a zone as 2026-01-31T15:04:05.5.
func appendTimestamp(dst, wire []byte) ([]byte, error) { return appendMoment(dst, wire, "") }

// appendInstant writes a moment in UTC as 2026-01-31T15:04:05.5Z.
func appendInstant(dst, wire []byte) ([]byte, error) { return appendMoment(dst, wire, "Z") }

func appendMoment(dst, wire []byte, zone string) ([]byte, error) {
	if len(wire) != 8 {
		return dst, errWire
	}
	micros := int64(binary.BigEndian.Uint64(wire)) //nolint:gosec // the sign is in the bits
	switch micros {
	case math.MaxInt64:
		return append(dst, `"infinity"`...), nil
	case math.MinInt64:
		return append(dst, `"-infinity"`...), nil
	}
	days := micros / microsOfDay
	if micros%microsOfDay < 0 {
		days--
	}
	dst = append(dst, '"')
	dst, before := appendDay(dst, days)
	dst = append(dst, 'T')
	dst = appendClock(dst, micros-days*microsOfDay)
	dst = append(dst, zone...)
	if before {
		dst = append(dst, " BC"...)
	}
	return append(dst, '"'), nil
}

// appendClock writes a time of day with as many decimals as it needs.
func appendClock(dst []byte, micros int64) []byte {
	seconds, fraction := micros/1_000_000, micros%1_000_000
	dst = append(appendTwo(dst, seconds/3600), ':')
	dst = append(appendTwo(dst, seconds/60%60), ':')
	dst = appendTwo(dst, seconds%60)
	if fraction == 0 {
		return dst
	}
	dst = append(dst, '.')
	for unit := int64(100_000); fraction > 0; unit /= 10 {
		dst = append(dst, byte('0'+fraction/unit)) //nolint:gosec // a digit
		fraction %= unit
	}
	return dst
}

func appendTwo(dst []byte, n int64) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10)) //nolint:gosec // a digit each
}

// appendDay writes the day so many days after 2000-01-01; before says that its
// year is one before 1.
//
// The calendar is the proleptic Gregorian one: 400 years are 146,097 days, and a
// year that begins in March has its leap day at its end.
func appendDay(dst []byte, days int64) (out []byte, before bool) {
	const era = 146097
	days += daysTo2000 + 719468 // to 0000-03-01
	eras := days / era
	if days < 0 {
		eras = (days - era + 1) / era
	}
	day := days - eras*era
	year := (day - day/1460 + day/36524 - day/146096) / 365
	day -= 365*year + year/4 - year/100
	year += eras * 400
	month := (5*day + 2) / 153
	day -= (153*month + 2) / 5
	if month += 3; month > 12 {
		month -= 12
		year++
	}
	if before = year < 1; before {
		year = 1 - year
	}
	if year < 10_000 {
		dst = appendTwo(appendTwo(dst, year/100), year%100)
	} else {
		dst = strconv.AppendInt(dst, year, 10)
	}
	dst = append(appendTwo(append(dst, '-'), month), '-')
	return appendTwo(dst, day+1), before
}
