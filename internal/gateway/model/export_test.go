package model

import "reflect"

// RequestForms are the types that requests are decoded into, for the test that holds them to the tables.
var RequestForms = map[Surface]reflect.Type{Chat: reflect.TypeFor[chatRequest](), Completions: reflect.TypeFor[completionRequest]()}
