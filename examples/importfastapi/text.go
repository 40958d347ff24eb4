package main

import (
	"fmt"
	"time"
)

// text scans any column into a string: NULL is empty, and a time is in RFC 3339.
type text string

// Scan implements sql.Scanner.
func (t *text) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		*t = ""
	case string:
		*t = text(v)
	case []byte:
		*t = text(v)
	case time.Time:
		*t = text(v.Format(time.RFC3339Nano))
	default:
		*t = text(fmt.Sprint(v))
	}
	return nil
}

// timeLayouts are how databases write times: those that state no offset are in UTC,
// as fastapi-tenancy reads them.
var timeLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05",
	"2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05-07", "2006-01-02 15:04:05-0700",
}

func parseTime(s string) (time.Time, error) {
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time", s)
}
