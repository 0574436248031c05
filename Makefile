.PHONY: demo test check docs

demo test check docs:
	@python3 dev.py $@
