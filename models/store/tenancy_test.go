package store

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// canary is in every name and value of the tenant that is spied upon.
const canary = "CANARY"

// victim is a tenant with one of everything, and the ids a spy may have heard.
type victim struct {
	org   *Org
	table models.Table
	ids   map[string][]string // kind → ids
	rows  []int64
}

func newVictim(t *testing.T, s *Store) victim {
	t.Helper()
	ctx := t.Context()
	org, actor, table := edited(t, s)
	value := `"` + canary + `"`
	download(t, org, table, job(t, org, 2), remote("a", "title", value), remote("b", "title", value), remote("c", "title", value))
	edit(t, org, table.ID, "a", "title", `"`+canary+` mine"`)
	create(t, org, table.ID, models.Fields{"title": []byte(value)})
	require.NoError(t, org.RenameSnapshot(ctx, table.SnapshotID, canary))
	view, err := org.CreateView(ctx, models.View{TableID: table.ID, Name: canary})
	require.NoError(t, err)
	column, err := org.AddColumn(ctx, table.ID, models.Column{Name: canary, Kind: models.ColumnText})
	require.NoError(t, err)
	_, err = org.ApplySchema(ctx, table.ID, append(table.Columns[:5:5], models.Column{ID: canary, Name: canary, Kind: models.ColumnText}), canary, false, "")
	require.NoError(t, err)
	upload := models.Upload{ID: models.NewID(models.PrefixUpload), Name: canary, Path: canary}
	require.NoError(t, org.CreateUpload(ctx, upload))
	token := models.APIToken{ID: models.NewID(models.PrefixAPIToken), UserID: actor.UserID, Name: canary, Hash: []byte(canary), CreatedAt: s.now()}
	require.NoError(t, org.CreateToken(ctx, token))
	require.NoError(t, org.AppendAudit(ctx, models.AuditEvent{UserID: actor.UserID, Action: canary, Subject: table.ID}))
	schedule, err := org.CreateSchedule(ctx, models.Schedule{
		SnapshotID: table.SnapshotID, Cron: "@daily", TimeZone: "UTC", Overlap: models.OverlapSkip, Mode: models.DownloadFull, Note: canary, Tables: []string{table.ID},
	})
	require.NoError(t, err)
	old := build(t, org, actor, table)
	failed := itemsByOp(t, org, old.ID)[models.OpUpdate]
	applied := start(t, org, actor, old)
	send(t, org, "w", failed.ID)
	require.NoError(t, org.SettleItems(ctx, []Settlement{{ItemID: failed.ID, State: models.ItemUnknown, Note: canary}}))
	ready := build(t, org, actor, table)
	running := newJob(t, org, table.SnapshotID)
	run, err := org.BeginRun(ctx, running.ID, table.ID, models.DownloadFull)
	require.NoError(t, err)
	_, err = org.SavePage(ctx, &run, PageWrite{Cursor: []byte(canary), Records: []RemoteRecord{remote("a", "title", value)}})
	require.NoError(t, err)
	_, err = org.SetJobState(ctx, running.ID, JobChange{To: models.JobWaiting, WaitingWhy: canary, Outcome: &models.TableOutcome{TableID: table.ID, State: models.JobRunning, Problem: &models.Problem{Code: canary}}})
	require.NoError(t, err)
	relayAll(t, s)
	v := victim{org: org, table: table, ids: map[string][]string{
		"user": {actor.UserID}, "snapshot": {table.SnapshotID}, "table": {table.ID}, "connection": {table.ConnectionID}, "view": {view.ID},
		"column": {column.ID, "title"}, "upload": {upload.ID}, "token": {token.ID}, "plan": {ready.ID, old.ID}, "item": {failed.ID},
		"job": {running.ID, applied.ID}, "run": {run.ID}, "schedule": {schedule.ID},
		"topic": {models.SnapshotTopic(table.SnapshotID), models.JobTopic(running.ID), models.UserTopic(actor.UserID)},
	}}
	for _, r := range allRecords(t, org, table.ID) {
		v.rows = append(v.rows, r.ID)
	}
	return v
}

// Promise 11: calls every exported method of Org, as another tenant, with this
// tenant's ids in every place that takes an id. Breaks when any of them answers
// with something of the tenant's, or changes anything of it.
func TestATenantFindsNothingOfAnothers(t *testing.T) {
	signatures := orgMethods(t)
	eachStore(t, func(t *testing.T, s *Store) {
		v := newVictim(t, s)
		spy, actor := newOrg(t, s)
		before := dump(t, s, v)
		require.Contains(t, before, canary)
		of := reflect.TypeOf(spy)
		require.Len(t, signatures, of.NumMethod())
		for i := range of.NumMethod() {
			method := of.Method(i)
			names, there := signatures[method.Name]
			require.True(t, there, method.Name)
			for _, kind := range v.kinds() {
				if answer, leaked := v.try(t, spy, actor, method, names, kind); leaked {
					t.Errorf("%s with another tenant's %s gave %s", method.Name, kind, answer)
				}
			}
			if after := dump(t, s, v); after != before {
				t.Fatalf("%s changed another tenant's data:\n%s", method.Name, difference(before, after))
			}
		}
	})
}

func (v *victim) kinds() []string {
	var kinds []string
	for kind := range v.ids {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	return kinds
}

// try calls one method. kind is what a parameter named "id" is taken to name.
func (v *victim) try(t *testing.T, spy *Org, actor models.Actor, method reflect.Method, names []string, kind string) (answer string, leaked bool) {
	t.Helper()
	args := []reflect.Value{reflect.ValueOf(spy)}
	for i := 1; i < method.Type.NumIn(); i++ {
		of := method.Type.In(i)
		if method.Type.IsVariadic() && i == method.Type.NumIn()-1 {
			break
		}
		value := reflect.New(of).Elem()
		switch {
		case i == 1 && of.String() == "context.Context":
			value.Set(reflect.ValueOf(t.Context()))
		case of == reflect.TypeFor[models.Actor]():
			value.Set(reflect.ValueOf(actor))
		default:
			v.fill(value, names[i-1], kind, actor, 0)
		}
		args = append(args, value)
	}
	var seen []string
	for _, result := range method.Func.Call(args) {
		if err, is := result.Interface().(error); is && err != nil {
			seen = append(seen, err.Error())
			continue
		}
		text, err := json.Marshal(result.Interface())
		require.NoError(t, err)
		seen = append(seen, string(text), fmt.Sprintf("%+v", result.Interface()))
	}
	answer = strings.Join(seen, " | ")
	return answer, strings.Contains(answer, canary)
}

// fill puts the tenant's ids wherever a value of a type takes ids: by the name
// of the parameter or field.
func (v *victim) fill(value reflect.Value, name, kind string, actor models.Actor, depth int) {
	if depth > 4 {
		return
	}
	switch value.Kind() { //nolint:exhaustive // the rest keep their zero
	case reflect.String:
		value.SetString(v.text(value.Type(), name, kind, actor))
	case reflect.Int64:
		if strings.HasSuffix(strings.ToLower(name), "id") {
			value.SetInt(v.rows[0])
		}
	case reflect.Int:
		value.SetInt(50)
	case reflect.Slice:
		if value.Type().Elem().Kind() == reflect.Uint8 {
			value.SetBytes([]byte(`{}`))
			return
		}
		one := reflect.New(value.Type().Elem()).Elem()
		v.fill(one, strings.TrimSuffix(name, "s"), kind, actor, depth+1)
		value.Set(reflect.Append(value, one))
	case reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
		v.fill(value.Elem(), name, kind, actor, depth+1)
	case reflect.Func:
		value.Set(reflect.MakeFunc(value.Type(), func([]reflect.Value) []reflect.Value {
			var out []reflect.Value
			for i := range value.Type().NumOut() {
				out = append(out, reflect.Zero(value.Type().Out(i)))
			}
			return out
		}))
	case reflect.Struct:
		if value.Type() == reflect.TypeFor[time.Time]() {
			value.Set(reflect.ValueOf(time.Now().Add(time.Hour)))
			return
		}
		for i := range value.NumField() {
			if field := value.Type().Field(i); field.IsExported() {
				v.fill(value.Field(i), field.Name, kind, actor, depth+1)
			}
		}
	}
}

// text chooses the string for a name: "SnapshotID" and "snapshotID" are
// snapshots, "id" is of the kind being tried.
func (v *victim) text(of reflect.Type, name, kind string, actor models.Actor) string {
	lower := strings.ToLower(name)
	bare := strings.TrimSuffix(lower, "id")
	switch {
	case of.Kind() == reflect.String && of.PkgPath() != "":
		return "" // a word of the domain, not an id
	case lower == "userid":
		return actor.UserID
	case lower == "cursor":
		return ""
	case lower == "id" || lower == "override":
		return v.ids[kind][0]
	case len(v.ids[bare]) > 0:
		return v.ids[bare][0]
	default:
		return "x"
	}
}

// orgMethods gives the names of the parameters of each exported method of Org.
func orgMethods(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	methods := map[string][]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil || !f.Name.IsExported() {
				continue
			}
			star, ok := f.Recv.List[0].Type.(*ast.StarExpr)
			if !ok {
				continue
			}
			if of, ok := star.X.(*ast.Ident); !ok || of.Name != "Org" {
				continue
			}
			names := []string{}
			for _, p := range f.Type.Params.List {
				for _, n := range p.Names {
					names = append(names, n.Name)
				}
			}
			methods[f.Name.Name] = names
		}
	}
	return methods
}

// dump is all the database holds of the tenant, as text.
func dump(t *testing.T, s *Store, v victim) string {
	t.Helper()
	var out strings.Builder
	tables := databaseColumns(t, s)
	names := []string{}
	for name, columns := range tables {
		if _, there := columns["organization_id"]; there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	write := func(name, query string, args ...any) {
		rows := []map[string]any{}
		require.NoError(t, s.read.WithContext(t.Context()).Raw(query, args...).Find(&rows).Error)
		lines := []string{}
		for _, row := range rows {
			text, err := json.Marshal(row)
			require.NoError(t, err)
			lines = append(lines, name+" "+string(text))
		}
		slices.Sort(lines)
		out.WriteString(strings.Join(lines, "\n") + "\n")
	}
	for _, name := range names {
		write(name, "SELECT * FROM "+name+" WHERE organization_id = ?", v.org.id)
	}
	write("records", "SELECT * FROM "+recordTable(v.table.Seq))
	return out.String()
}

func difference(before, after string) string {
	was := strings.Split(before, "\n")
	is := strings.Split(after, "\n")
	var out []string
	for _, line := range was {
		if !slices.Contains(is, line) {
			out = append(out, "- "+line)
		}
	}
	for _, line := range is {
		if !slices.Contains(was, line) {
			out = append(out, "+ "+line)
		}
	}
	return strings.Join(out, "\n")
}
