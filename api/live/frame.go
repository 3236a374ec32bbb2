package live

import (
	"encoding/json"
	"sync"

	"github.com/gorilla/websocket"

	"github.com/scratch-platform/scratch/models"
)

// frame is a message as it travels: encoded once, by the first who writes it, for
// all to whom it goes.
type frame struct {
	message Message

	once sync.Once
	made *websocket.PreparedMessage
	err  error
}

func (f *frame) prepared() (*websocket.PreparedMessage, error) {
	f.once.Do(func() {
		var text []byte
		if text, f.err = json.Marshal(f.message); f.err == nil {
			f.made, f.err = websocket.NewPreparedMessage(websocket.TextMessage, text)
		}
		f.message = Message{} // it is all in the frame
	})
	return f.made, f.err
}

// newMessage makes a message for any number of followers.
func newMessage(op string, e models.Event) message {
	shown := Message{Op: op, Topic: e.Topic, ID: e.ID}
	if op == opEvent {
		at := e.At
		shown.Type, shown.Origin, shown.Data, shown.At = e.Type, e.Origin, e.Data, &at
	}
	return message{op: op, event: e, frame: &frame{message: shown}}
}
