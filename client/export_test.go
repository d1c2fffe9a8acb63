package client

// LoopbackOnly is what guards a connection of plain http.
var LoopbackOnly = loopbackOnly
