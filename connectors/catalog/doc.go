// Package catalog is the list of services this build reaches: a connector that
// is not in it does not exist for the API, the workflows or the documents.
//
// It imports the connectors and must not import anything else of the project;
// connectors do not import it.
package catalog
