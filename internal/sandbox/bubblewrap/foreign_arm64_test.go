package bubblewrap_test

const foreign = ""
