package connectors

// ResultOf gives the outcome of an item whose request failed with an error of
// HTTPClient.Do, or of anything that keeps its rule: KindAmbiguous, and no other
// kind, says that the write may have been applied.
func ResultOf(key string, err error) WriteResult {
	e, ok := AsError(err)
	if !ok {
		return WriteResult{Key: key, Outcome: Unknown, Err: &Error{Kind: KindAmbiguous, Tried: "write", Cause: err}}
	}
	result := WriteResult{Key: key, Outcome: Failed, Err: e}
	switch e.Kind {
	case KindAmbiguous:
		result.Outcome = Unknown
	case KindConflict:
		result.Outcome = Conflict
	case KindRateLimited, KindUnavailable, KindTimeout, KindAuth, KindQuota:
		result.Outcome = NotSent
	default: // the service refused the record
	}
	return result
}

// ResultsOf gives every item the outcome of the one request that carried them.
func ResultsOf(items []WriteItem, err error) []WriteResult {
	results := make([]WriteResult, len(items))
	for i, item := range items {
		results[i] = ResultOf(item.Key, err)
	}
	return results
}

// NotSentResults says of items that no request was made for them.
func NotSentResults(items []WriteItem, err error) []WriteResult {
	results := ResultsOf(items, err)
	for i := range results {
		results[i].Outcome = NotSent
	}
	return results
}
