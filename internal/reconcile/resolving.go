package reconcile

import (
	"sync"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// resolving remembers which plans had a run that finds out what they left in
// flight, so that one that cannot be settled does not start a run with every
// pass. It is forgotten with the process: the next one tries at once.
type resolving struct {
	mu    sync.Mutex
	plans map[string]resolution // by plan id
}

type resolution struct {
	next time.Time     // no run before
	wait time.Duration // after the next run
}

// due reports whether a run may be started for a plan.
func (s *resolving) due(planID string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.plans[planID].next.After(now)
}

// began notes that a run was started for a plan.
func (s *resolving) began(planID string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.plans == nil {
		s.plans = map[string]resolution{}
	}
	wait := max(s.plans[planID].wait, resolveAgain)
	s.plans[planID] = resolution{next: now.Add(wait), wait: min(2*wait, resolveAtMost)}
}

// keep forgets the plans that no job left unsettled any more.
func (s *resolving) keep(left []models.Job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	plans := make(map[string]resolution, len(left))
	for _, job := range left {
		if r, known := s.plans[job.PlanID]; known {
			plans[job.PlanID] = r
		}
	}
	s.plans = plans
}
