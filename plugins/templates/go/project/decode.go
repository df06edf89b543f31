package main

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"

	"@NAME@/baepo"
)

// decode reads a `with:` block over settings that have their usual values. What
// the host is told of a mistake has its place in the file.
func decode(config string, settings any) error {
	reader := json.NewDecoder(strings.NewReader(config))
	reader.DisallowUnknownFields()
	err := reader.Decode(settings)
	var wrongType *json.UnmarshalTypeError
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return nil
	case errors.As(err, &wrongType):
		return invalid(wrongType.Field, "must be a "+kind(wrongType.Type)+" and not a "+wrongType.Value)
	}
	// The decoder has no type for this mistake.
	if key, isUnknown := strings.CutPrefix(err.Error(), "json: unknown field "); isUnknown {
		return invalid(strings.Trim(key, `"`), "unknown key")
	}
	return invalid("", err.Error())
}

func invalid(path, message string) error {
	return baepo.HookErrorInvalidConfig{{Path: path, Message: message}}
}

// kind is a type in words of the file.
func kind(ty reflect.Type) string {
	switch ty.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "list"
	case reflect.Struct, reflect.Map:
		return "map"
	default:
		return "number"
	}
}
