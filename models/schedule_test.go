package models

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Breaks when a schedule that cannot work is taken, or one that can is refused;
// a person must learn at once, and not at night.
func TestSchedulesAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		schedule Schedule
		code     string
	}{
		"five fields":        {Schedule{Cron: "30 6 * * 1-5"}, ""},
		"names and steps":    {Schedule{Cron: "*/15 8-18 * JAN,jul mon-FRI"}, ""},
		"spaces":             {Schedule{Cron: "  0   0  1 * * "}, ""},
		"@daily":             {Schedule{Cron: "@daily"}, ""},
		"@hourly":            {Schedule{Cron: "@hourly"}, ""},
		"@weekly":            {Schedule{Cron: "@weekly"}, ""},
		"@monthly":           {Schedule{Cron: "@monthly"}, ""},
		"@yearly":            {Schedule{Cron: "@yearly"}, ""},
		"29 February":        {Schedule{Cron: "0 0 29 2 *"}, ""},
		"a zone":             {Schedule{Cron: "@daily", TimeZone: "Europe/Berlin"}, ""},
		"a minute":           {Schedule{Every: time.Minute}, ""},
		"a year":             {Schedule{Every: MaxEvery}, ""},
		"nothing":            {Schedule{}, "schedule.no_time"},
		"both":               {Schedule{Cron: "@daily", Every: time.Hour}, "schedule.no_time"},
		"words":              {Schedule{Cron: "every day"}, "schedule.bad_cron"},
		"six fields":         {Schedule{Cron: "0 30 6 * * 1"}, "schedule.bad_cron"},
		"four fields":        {Schedule{Cron: "30 6 * *"}, "schedule.bad_cron"},
		"minute 60":          {Schedule{Cron: "60 6 * * *"}, "schedule.bad_cron"},
		"backwards":          {Schedule{Cron: "0 18-8 * * *"}, "schedule.bad_cron"},
		"step nought":        {Schedule{Cron: "*/0 * * * *"}, "schedule.bad_cron"},
		"empty list":         {Schedule{Cron: ", * * * *"}, "schedule.bad_cron"},
		"30 February":        {Schedule{Cron: "0 0 30 2 *"}, "schedule.bad_cron"},
		"@reboot":            {Schedule{Cron: "@reboot"}, "schedule.bad_cron"},
		"@every":             {Schedule{Cron: "@every 1s"}, "schedule.bad_cron"},
		"a zone in the text": {Schedule{Cron: "CRON_TZ=UTC 0 6 * * *"}, "schedule.bad_cron"},
		"a zone and no more": {Schedule{Cron: "TZ=UTC"}, "schedule.bad_cron"},
		"too often":          {Schedule{Every: 59 * time.Second}, "schedule.bad_interval"},
		"too seldom":         {Schedule{Every: MaxEvery + time.Second}, "schedule.bad_interval"},
		"half seconds":       {Schedule{Every: time.Minute + time.Millisecond}, "schedule.bad_interval"},
		"negative":           {Schedule{Every: -time.Hour}, "schedule.bad_interval"},
		"no such zone":       {Schedule{Cron: "@daily", TimeZone: "Mars/Olympus"}, "schedule.unknown_time_zone"},
		"the machine's zone": {Schedule{Cron: "@daily", TimeZone: "Local"}, "schedule.unknown_time_zone"},
		"a path for a zone":  {Schedule{Cron: "@daily", TimeZone: "../../etc/passwd"}, "schedule.unknown_time_zone"},
		"no such overlap":    {Schedule{Cron: "@daily", Overlap: "both"}, "schedule.unknown_overlap"},
		"no such mode":       {Schedule{Cron: "@daily", Mode: "fast"}, "schedule.unknown_mode"},
	} {
		t.Run(name, func(t *testing.T) {
			err := CheckSchedule(&c.schedule)
			if c.code == "" {
				require.NoError(t, err)
				require.NotEmpty(t, c.schedule.TimeZone)
				require.Equal(t, OverlapSkip, c.schedule.Overlap)
				require.Equal(t, DownloadFull, c.schedule.Mode)
				return
			}
			p, ok := AsProblem(err)
			require.True(t, ok, "%v", err)
			require.Equal(t, c.code, p.Code)
			require.NotEmpty(t, p.Hint)
			require.Len(t, p.Fields, 1)
		})
	}
}

// Breaks when a text that names days of the month and of the week needs both to
// match: every cron takes either.
func TestCronMatchesEitherKindOfDay(t *testing.T) {
	both, err := Calendars("0 6 13 * 5")
	require.NoError(t, err)
	require.Len(t, both, 2)
	require.Equal(t, []int{13}, both[0].Days)
	require.Len(t, both[0].Weekdays, 7)
	require.Len(t, both[1].Days, 31)
	require.Equal(t, []int{5}, both[1].Weekdays)
	one, err := Calendars("0 6 * * 5")
	require.NoError(t, err)
	require.Len(t, one, 1)
}

func TestIntervalsAreReadAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1m": time.Minute, "90m": 90 * time.Minute, "6h": 6 * time.Hour, "1d": 24 * time.Hour, "1d12h": 36 * time.Hour,
		"1h30m": 90 * time.Minute, "61s": 61 * time.Second, "366d": MaxEvery, "2h0m5s": 2*time.Hour + 5*time.Second, " 15m ": 15 * time.Minute,
	} {
		every, err := ParseEvery(text)
		require.NoError(t, err, text)
		require.Equal(t, want, every, text)
		again, err := ParseEvery(ShowEvery(every))
		require.NoError(t, err, ShowEvery(every))
		require.Equal(t, every, again, ShowEvery(every))
	}
	require.Equal(t, "1h30m", ShowEvery(90*time.Minute))
	require.Equal(t, "1d12h", ShowEvery(36*time.Hour))
	require.Equal(t, "2d", ShowEvery(48*time.Hour))
	for _, text := range []string{"30s", "0", "", "-1h", "-1d", "d", "367d", "200000d", "9999999999999d", "1w", "6 hours", "1d-12h"} {
		_, err := ParseEvery(text)
		if text == "1d-12h" {
			require.NoError(t, err, "twelve hours, said oddly")
			continue
		}
		require.True(t, HasCode(err, "schedule.bad_interval"), "%q: %v", text, err)
	}
}

func TestIntervalsCountFromTheirMaking(t *testing.T) {
	made := time.Date(2026, 3, 4, 5, 6, 7, 890, time.UTC)
	s := Schedule{Every: 6 * time.Hour, CreatedAt: made}
	next := made.Truncate(time.Second).Add(s.Every)
	require.Zero(t, (next.Sub(time.Unix(0, 0))-s.Offset())%s.Every)
	require.Less(t, s.Offset(), s.Every)
}

// Breaks when one scheduled time could make two jobs, or two times one.
func TestIDsOfAMomentAreTheSame(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	a := IDAt(PrefixJob, at, "x")
	require.Equal(t, a, IDAt(PrefixJob, at, "x"))
	require.True(t, ValidID(PrefixJob, a))
	require.NotEqual(t, a, IDAt(PrefixJob, at, "y"))
	require.Less(t, a, IDAt(PrefixJob, at.Add(time.Second), "x"), "they sort by their moment")
	require.Less(t, a, NewID(PrefixJob))
}
