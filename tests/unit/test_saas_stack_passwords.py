from saas_stack import make_password


def test_no_password_can_be_taken_for_an_option():
    passwords = {make_password() for _ in range(1000)}
    assert len(passwords) == 1000
    assert [password for password in passwords if not password[0].isalnum()] == []
