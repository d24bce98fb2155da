module page

go 1.26
