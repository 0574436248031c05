import pytest


@pytest.fixture
def film(media):
    for name, content in (("encoded/1.mp4", b"0123456789"), ("uploads/secret.html", b"<script>")):
        path = media / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.mark.parametrize(
    ("asked", "status", "content", "told"),
    [
        (None, 200, b"0123456789", None),
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=0-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=4-2", 416, b"", "bytes */10"),
        ("words", 200, b"0123456789", None),
    ],
)
def test_a_film_is_served_whole_or_in_ranges(client, film, asked, status, content, told):
    answer = client.get("/media/encoded/1.mp4", headers={"Range": asked} if asked else {})
    assert (answer.status_code, answer.content, answer.get("Content-Range")) == (status, content, told)
    if status < 400:
        assert answer["Content-Type"] == "video/mp4"


@pytest.mark.parametrize(
    "name", ["uploads/secret.html", "encoded/../uploads/secret.html", "encoded/2.mp4", "../secret_key", "encoded/"]
)
def test_nothing_else_is_served(client, film, name):
    assert client.get(f"/media/{name}").status_code == 404
