module filter

go 1.26
