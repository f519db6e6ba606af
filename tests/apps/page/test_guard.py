"""Who may send requests, from where, and how much."""

from __future__ import annotations

import pytest

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def stranger(served):
    """A client without the token."""
    from starlette.testclient import TestClient

    return TestClient(served.app, base_url="http://127.0.0.1:8000", follow_redirects=False)


def test_address__with_the_token__gives_a_cookie_that_opens_the_page(stranger):
    assert stranger.get("/project").status_code == 401

    entered = stranger.get("/?token=a-token")

    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert "HttpOnly" in entered.headers["set-cookie"]
    assert "SameSite=lax" in entered.headers["set-cookie"]
    assert stranger.get("/project").status_code == 200
    stranger.cookies.clear()


@pytest.mark.parametrize("path", ["/", "/?token=old", "/project"])
def test_browser__without_the_token_or_with_an_old_one__gets_a_page_that_says_what_to_do(
    stranger, path
):
    answer = stranger.get(path, headers={"accept": "text/html,*/*"})

    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("text/html")
    assert "<h1>This address does not open the page</h1>" in answer.text
    assert "begins with <code>http://127.0.0.1:8000/?token=</code>" in answer.text
    assert "a-token" not in answer.text
    assert stranger.get(path).json()["kind"] == "token"  # for a program
    assert "<h2>Diese Adresse öffnet die Seite nicht</h2>" in answer.text


@pytest.mark.parametrize("token", ["", "a-toke", "a-token2", "ä"])
def test_token__that_is_another__opens_nothing(stranger, token):
    assert stranger.get("/", params={"token": token}).status_code == 401
    headers = {"Authorization": f"Bearer {token}".encode()}
    assert stranger.get("/project", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example:8000"},
        {"host": "127.0.0.1:8001"},
        {"host": "127.0.0.1"},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:8001"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_request__for_another_host_or_from_another_page__is_refused(served, headers):
    answer = served.client.get("/project", headers=headers)

    assert answer.status_code == 403
    assert answer.json()["kind"] in ("host", "origin")


@pytest.mark.parametrize("path", ["/project", "/nowhere", "/page/main.js"])
def test_answer__of_any_kind__has_the_headers_that_keep_other_pages_out(served, path):
    headers = served.client.get(path).headers

    assert headers["content-security-policy"].startswith("default-src 'self'; img-src 'self' blob:")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_body__longer_than_allowed__is_refused_by_its_head_or_as_it_comes(served, limits):
    long = b'{"name": "' + b"x" * limits.json_bytes + b'"}'
    response = served.client.post("/classes", content=long, headers=JSON)
    in_pieces = served.client.post("/classes", content=iter([long]), headers=JSON)

    assert [response.status_code, in_pieces.status_code] == [413, 413]
    assert f"{limits.json_bytes:,} bytes" in response.json()["error"]
