package live

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// StreamJob sends a job's events as server-sent events, from the job's
// beginning or from Last-Event-ID, and ends when the job has ended. Of a job
// whose events are kept no longer it tells the end alone.
func (h *Hub) StreamJob(w http.ResponseWriter, r *http.Request, actor models.Actor, jobID string) {
	ctx, cancel := h.within(r.Context())
	defer cancel()
	h.opened(1)
	defer h.opened(-1)
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	_ = control.Flush() // a client that waits for a quiet job sees that it is connected

	queue := make(chan message, QueueLength)
	follow := &follower{
		deliver: func(m message) bool {
			select {
			case queue <- m:
				return true
			default:
				return false
			}
		},
		drop: sync.OnceFunc(func() {
			h.dropped.Add(1)
			cancel()
		}),
	}
	// The events so far may be more than the queue holds, so somebody must
	// drain it while we catch up.
	joined := make(chan *feed, 1)
	go func() {
		defer close(joined)
		f, err := h.followJob(ctx, actor.OrganizationID, jobID, r.Header.Get("Last-Event-ID"), follow)
		if err != nil {
			if ctx.Err() == nil {
				h.log.WarnContext(ctx, "streaming a job failed", "job", jobID, "error", err)
			}
			cancel()
			return
		}
		joined <- f
	}()
	h.writeStream(ctx, w, control, queue)
	cancel()
	if f := <-joined; f != nil {
		h.leave(f, follow)
	}
}

// followJob catches a follower up with a job. The end is looked up before the
// log is read: what the log then does not have will not come.
func (h *Hub) followJob(ctx context.Context, organizationID, jobID, after string, follow *follower) (*feed, error) {
	end, err := h.events.JobEnd(ctx, organizationID, jobID)
	if err != nil {
		return nil, err
	}
	topic, tell := models.JobTopic(jobID), follow.deliver // join makes deliver skip what the log has told
	f, last, err := h.join(ctx, organizationID, topic, after, true, follow)
	if err != nil || end == nil {
		return f, err
	}
	data, err := json.Marshal(end)
	if err == nil && !tell(newMessage(opEvent, models.Event{Topic: topic, ID: last, Type: models.EventJobChanged, Data: data})) {
		err = errTooSlow
	}
	if err != nil {
		h.leave(f, follow)
		return nil, err
	}
	return f, nil
}

func (h *Hub) writeStream(ctx context.Context, w io.Writer, control *http.ResponseController, queue <-chan message) {
	keepAlive := time.NewTicker(pingEvery)
	defer keepAlive.Stop()
	for {
		ended := false
		var err error
		select {
		case <-ctx.Done():
			return
		case m := <-queue:
			_ = control.SetWriteDeadline(time.Now().Add(writeWait))
			err = writeEvent(w, m)
			ended = endsJob(m)
		case <-keepAlive.C:
			_ = control.SetWriteDeadline(time.Now().Add(writeWait))
			_, err = io.WriteString(w, ": still here\n\n")
		}
		if err == nil {
			err = control.Flush()
		}
		if err != nil || ended {
			return
		}
	}
}

func writeEvent(w io.Writer, m message) error {
	name, data := m.event.Type, m.event.Data
	if m.op == opReset {
		name, data = opReset, json.RawMessage("{}")
	}
	_, err := fmt.Fprintf(w, "id: %s\nevent: %s\ndata: %s\n\n", m.event.ID, name, data)
	return err
}

// endsJob reports whether the event says that the job is over.
func endsJob(m message) bool {
	if m.op != opEvent || m.event.Type != "job.changed" {
		return false
	}
	var data struct {
		State models.JobState `json:"state"`
	}
	return json.Unmarshal(m.event.Data, &data) == nil && data.State.Final()
}
