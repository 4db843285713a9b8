# The usual names for what ./feira does; make itself is not needed.
.PHONY: demo up test check fmt doctor

demo:
	./feira demo

up:
	./feira up

test:
	./feira test

check:
	./feira check

fmt:
	./feira check format lint --fix

doctor:
	./feira doctor
