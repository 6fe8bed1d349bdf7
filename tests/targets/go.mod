module loiter.test/targets

go 1.18
