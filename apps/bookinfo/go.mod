module bookinfo

go 1.26
