package models

// Count adds the counters of other to p's. Total and Step, which cannot be added
// without knowing what they are of, stay.
func (p *Progress) Count(other Progress) {
	p.Done += other.Done
	p.Created += other.Created
	p.Updated += other.Updated
	p.Deleted += other.Deleted
	p.Unchanged += other.Unchanged
	p.Failed += other.Failed
	p.Conflicts += other.Conflicts
	p.Unknown += other.Unknown
	p.Skipped += other.Skipped
}
