package models

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Calendar is a set of times: those whose every part is in the list. Lists are
// sorted and never empty.
type Calendar struct {
	Minutes  []int // 0–59
	Hours    []int // 0–23
	Days     []int // of the month, 1–31
	Months   []int // 1–12
	Weekdays []int // 0–6, 0 is Sunday
}

// cronHint is what a person who got a cron text wrong needs to know.
const cronHint = "Five fields: minute, hour, day of month, month, day of week (0–6, 0 is Sunday), as in \"30 6 * * 1-5\"; or @hourly, @daily, @weekly, @monthly, @yearly."

// Calendars gives the times of a cron text as sets: one, or two where the text
// names days of the month and days of the week. Either of them matches then, as
// in every cron; Temporal's own reading of cron texts would ask for both, which
// is why it is given these sets and not the text. The error is a Problem with
// the code "schedule.bad_cron".
func Calendars(text string) ([]Calendar, error) {
	bad := func(detail string) error {
		return NewProblem(KindInvalid, "schedule.bad_cron", detail, cronHint).WithFields(FieldProblem{Field: "cron", Detail: detail})
	}
	switch {
	case len(text) > MaxCron:
		return nil, bad(fmt.Sprintf("The cron text has more than %d characters.", MaxCron))
	case strings.Contains(text, "TZ="):
		return nil, bad("The cron text names a time zone; time_zone is the place for it.")
	case strings.HasPrefix(text, "@every"):
		return nil, bad("An interval is no cron text; every is the place for it.")
	}
	parsed, err := cron.ParseStandard(text)
	if err != nil {
		return nil, bad(fmt.Sprintf("%q is no cron text: %v.", Bound(text, 60), err))
	}
	set, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return nil, bad(fmt.Sprintf("%q names no times of the calendar.", Bound(text, 60)))
	}
	if set.Next(time.Unix(0, 0).UTC()).IsZero() {
		return nil, bad(fmt.Sprintf("%q never comes: the calendar has no such day.", Bound(text, 60)))
	}
	return calendarsOf(set), nil
}

// Bits of a parsed cron field: one per value, and the highest where it was a
// star.
const cronStar = 1 << 63

func calendarsOf(set *cron.SpecSchedule) []Calendar {
	both := Calendar{
		Minutes: valuesOf(set.Minute, 0, 59), Hours: valuesOf(set.Hour, 0, 23), Days: valuesOf(set.Dom, 1, 31),
		Months: valuesOf(set.Month, 1, 12), Weekdays: valuesOf(set.Dow, 0, 6),
	}
	if set.Dom&cronStar != 0 || set.Dow&cronStar != 0 {
		return []Calendar{both}
	}
	byDay, byWeekday := both, both
	byDay.Weekdays = valuesOf(^uint64(0), 0, 6)
	byWeekday.Days = valuesOf(^uint64(0), 1, 31)
	return []Calendar{byDay, byWeekday}
}

func valuesOf(bits uint64, from, to int) []int {
	var values []int
	for v := from; v <= to; v++ {
		if bits&(1<<v) != 0 {
			values = append(values, v)
		}
	}
	return values
}

// CheckSchedule tidies what a person asked for and fills in what they left out.
// Errors are Problems: "schedule.no_time", "schedule.bad_cron",
// "schedule.bad_interval", "schedule.unknown_time_zone",
// "schedule.unknown_overlap", "schedule.unknown_mode".
func CheckSchedule(s *Schedule) error {
	s.Cron, s.TimeZone, s.Note = strings.Join(strings.Fields(s.Cron), " "), strings.TrimSpace(s.TimeZone), strings.TrimSpace(s.Note)
	if s.TimeZone == "" {
		s.TimeZone = "UTC"
	}
	if s.Overlap == "" {
		s.Overlap = OverlapSkip
	}
	if s.Mode == "" {
		s.Mode = DownloadFull
	}
	switch {
	case (s.Cron == "") == (s.Every == 0):
		return NewProblem(KindInvalid, "schedule.no_time", "A schedule has either a cron text or an interval.",
			`Give cron ("30 6 * * 1-5") or every ("6h"), and not both.`).WithFields(FieldProblem{Field: "cron", Detail: "either this or every"})
	case !slices.Contains([]OverlapPolicy{OverlapSkip, OverlapBufferOne, OverlapCancelOther, OverlapAllowAll}, s.Overlap):
		return NewProblem(KindInvalid, "schedule.unknown_overlap", fmt.Sprintf("%q is no overlap policy.", Bound(string(s.Overlap), 40)),
			"Take skip, buffer_one, cancel_other or allow_all.").WithFields(FieldProblem{Field: "overlap", Detail: "unknown"})
	case s.Mode != DownloadFull && s.Mode != DownloadIncremental:
		return NewProblem(KindInvalid, "schedule.unknown_mode", fmt.Sprintf("%q is no way to download.", Bound(string(s.Mode), 40)),
			"Take full or incremental.").WithFields(FieldProblem{Field: "mode", Detail: "unknown"})
	}
	if err := checkTimeZone(s.TimeZone); err != nil {
		return err
	}
	if s.Cron != "" {
		_, err := Calendars(s.Cron)
		return err
	}
	return checkEvery(s.Every)
}

// checkTimeZone takes names of the IANA database; "Local" would be another zone
// on every machine.
func checkTimeZone(name string) error {
	_, err := time.LoadLocation(name)
	if err == nil && name != "Local" {
		return nil
	}
	return NewProblem(KindInvalid, "schedule.unknown_time_zone", fmt.Sprintf("There is no time zone %q.", Bound(name, 60)),
		"Name one as Europe/Berlin, America/New_York or UTC.").WithFields(FieldProblem{Field: "time_zone", Detail: "unknown"})
}

func checkEvery(every time.Duration) error {
	bad := func(detail string) error {
		return NewProblem(KindInvalid, "schedule.bad_interval", detail, `From "1m" to "366d", in whole seconds: "15m", "6h", "1d12h".`).
			WithFields(FieldProblem{Field: "every", Detail: detail})
	}
	switch {
	case every < MinEvery:
		return bad("A scheduled download runs at most once a minute.")
	case every > MaxEvery:
		return bad("A scheduled download runs at least once a year.")
	case every%time.Second != 0:
		return bad("An interval has whole seconds.")
	}
	return nil
}

// Offset is how far an interval's times lie from whole multiples of it since
// 1970: they are counted from the schedule's making.
func (s *Schedule) Offset() time.Duration {
	if s.Every == 0 {
		return 0
	}
	return s.CreatedAt.Truncate(time.Second).Sub(time.Unix(0, 0)) % s.Every
}

// ParseEvery reads an interval as people write it: "90m", "6h", "1d12h". A day
// is 24 hours. The error is a Problem with the code "schedule.bad_interval".
func ParseEvery(text string) (time.Duration, error) {
	rest, days := strings.TrimSpace(text), time.Duration(0)
	if count, after, ok := strings.Cut(rest, "d"); ok {
		n, err := time.ParseDuration(count + "h") // a number of its own kind: "1", "1.5"
		switch {
		case err != nil || n < 0:
			return 0, checkEvery(0)
		case n > MaxEvery/24:
			return 0, checkEvery(MaxEvery + 1)
		}
		days, rest = n*24, after
	}
	if rest == "" && days != 0 {
		return days, checkEvery(days)
	}
	every, err := time.ParseDuration(rest)
	if err != nil {
		return 0, NewProblem(KindInvalid, "schedule.bad_interval", fmt.Sprintf("%q is no interval.", Bound(text, 60)),
			`Write it as "15m", "6h" or "1d12h".`).WithFields(FieldProblem{Field: "every", Detail: "no interval"})
	}
	return days + every, checkEvery(days + every)
}

// ShowEvery writes an interval as ParseEvery reads it, without parts that are
// nought.
func ShowEvery(every time.Duration) string {
	if every == 0 {
		return ""
	}
	const day = 24 * time.Hour
	text := ""
	if every >= day {
		text, every = fmt.Sprintf("%dd", every/day), every%day
	}
	if every == 0 {
		return text
	}
	rest := every.String()
	if strings.HasSuffix(rest, "m0s") {
		rest = strings.TrimSuffix(rest, "0s")
	}
	if strings.HasSuffix(rest, "h0m") {
		rest = strings.TrimSuffix(rest, "0m")
	}
	return text + rest
}
